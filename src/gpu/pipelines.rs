//! Compiles kernels for the device and binds buffers to them.

use super::guard::{lock, one_line};
use super::opening::Gpu;
use crate::error::Error;
use crate::kernel::Kernel;

impl Gpu {
    /// The pipeline of that kernel, compiled at its first use.
    pub async fn pipeline(&self, kernel: &Kernel) -> Result<wgpu::ComputePipeline, Error> {
        if let Some(pipeline) = lock(&self.pipelines).get(kernel) {
            return Ok(pipeline.clone());
        }
        let pipeline = self.compile(&kernel.label(), &kernel.source()).await?;
        lock(&self.pipelines).insert(kernel.clone(), pipeline.clone());
        Ok(pipeline)
    }

    /// Compiles a pipeline from that WGSL, whose entry point is `main`.
    pub async fn compile(&self, label: &str, source: &str) -> Result<wgpu::ComputePipeline, Error> {
        let mut tried = None;
        let compiled = self.scoped(label, 0, || {
            let source = wgpu::ShaderSource::Wgsl(source.into());
            let module = self.device.create_shader_module(wgpu::ShaderModuleDescriptor { label: Some(label), source });
            tried = Some(module.clone());
            self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some(label),
                // Derived from the WGSL, which already declares the bindings.
                layout: None,
                module: &module,
                entry_point: Some("main"),
                compilation_options: wgpu::PipelineCompilationOptions {
                    // The shaders write workgroup memory before they read it, and the zeroing can take compilers a
                    // minute.
                    zero_initialize_workgroup_memory: false,
                    ..Default::default()
                },
                cache: None,
            })
        });
        match (compiled.await, tried) {
            (Err(error @ Error::Driver { .. }), Some(module)) => {
                Err(shader_error(label.into(), source, &module).await.unwrap_or(error))
            }
            (compiled, _) => compiled,
        }
    }

    /// Binds those buffers for that pipeline.
    pub async fn bind_group(
        &self,
        label: &str,
        pipeline: &wgpu::ComputePipeline,
        entries: &[wgpu::BindGroupEntry<'_>],
    ) -> Result<wgpu::BindGroup, Error> {
        self.scoped(label, 0, || {
            let layout = pipeline.get_bind_group_layout(0);
            self.device.create_bind_group(&wgpu::BindGroupDescriptor { label: Some(label), layout: &layout, entries })
        })
        .await
    }
}

/// The compiler's error in a module, with its line; `None` if it was not the WGSL that was refused.
async fn shader_error(label: String, source: &str, module: &wgpu::ShaderModule) -> Option<Error> {
    let said = module.get_compilation_info().await.messages;
    let error = said.into_iter().find(|said| said.message_type == wgpu::CompilationMessageType::Error)?;
    let line = error.location.map_or(0, |location| location.line_number);
    let code = source.lines().nth((line as usize).wrapping_sub(1)).unwrap_or_default().trim().to_owned();
    Some(Error::Shader { label, line, code, message: one_line(&error.message) })
}
