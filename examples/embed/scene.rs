//! What the application draws: the network's output over the plane, on a texture instead of a window.

use shaderprop::wgpu;
use shaderprop::{Error, Trainer};

/// The texture's width and height.
pub const SIZE: u32 = 256;

const FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Rgba8Unorm;

/// The pipelines, the bindings and the texture.
pub struct Scene {
    texture: wgpu::Texture,
    plane: wgpu::RenderPipeline,
    discs: wgpu::RenderPipeline,
    bindings: wgpu::BindGroup,
    points: u32,
    staging: wgpu::Buffer,
}

impl Scene {
    /// A scene of these points (x, y, class) and the trainer's network.
    pub fn new(device: &wgpu::Device, trainer: &Trainer, points: &[[f32; 3]]) -> Result<Self, Error> {
        let texture = device.create_texture(&wgpu::TextureDescriptor {
            label: Some("frame"),
            size: wgpu::Extent3d { width: SIZE, height: SIZE, depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: FORMAT,
            usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
            view_formats: &[],
        });
        let module = device.create_shader_module(wgpu::include_wgsl!("scene.wgsl"));
        let entry = |binding| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::VERTEX_FRAGMENT,
            ty: wgpu::BindingType::Buffer {
                ty: wgpu::BufferBindingType::Storage { read_only: true },
                has_dynamic_offset: false,
                min_binding_size: None,
            },
            count: None,
        };
        let entries: Vec<_> = (0..7).map(entry).collect();
        let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: None, entries: &entries });
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: None,
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let pipeline = |vertex, fragment, topology| {
            device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
                label: Some(vertex),
                layout: Some(&pipeline_layout),
                vertex: wgpu::VertexState {
                    module: &module,
                    entry_point: Some(vertex),
                    compilation_options: wgpu::PipelineCompilationOptions::default(),
                    buffers: &[],
                },
                primitive: wgpu::PrimitiveState { topology, ..Default::default() },
                depth_stencil: None,
                multisample: wgpu::MultisampleState::default(),
                fragment: Some(wgpu::FragmentState {
                    module: &module,
                    entry_point: Some(fragment),
                    compilation_options: wgpu::PipelineCompilationOptions::default(),
                    targets: &[Some(FORMAT.into())],
                }),
                multiview_mask: None,
                cache: None,
            })
        };
        let plane = pipeline("plane", "decide", wgpu::PrimitiveTopology::TriangleList);
        let discs = pipeline("disc", "dot_of_class", wgpu::PrimitiveTopology::TriangleStrip);
        let padded: Vec<[f32; 4]> = points.iter().map(|[x, y, class]| [*x, *y, *class, 0.0]).collect();
        let descriptor = wgpu::util::BufferInitDescriptor {
            label: Some("points"),
            contents: bytemuck::cast_slice(&padded),
            usage: wgpu::BufferUsages::STORAGE,
        };
        let buffer = wgpu::util::DeviceExt::create_buffer_init(device, &descriptor);
        // The training's own buffers, which change as it trains.
        let mut resources = Vec::new();
        for layer in 0..3 {
            for kind in ["weight", "bias"] {
                resources.push(trainer.tensor(&format!("layers.{layer}.{kind}"))?.as_entire_binding());
            }
        }
        resources.push(buffer.as_entire_binding());
        let entries: Vec<_> =
            (0..).zip(resources).map(|(binding, resource)| wgpu::BindGroupEntry { binding, resource }).collect();
        let bindings = device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout: &layout, entries: &entries });
        let staging = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("frame, read back"),
            size: u64::from(SIZE * SIZE * 4),
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        Ok(Self { texture, plane, discs, bindings, points: points.len() as u32, staging })
    }

    /// Draws a frame.
    pub fn draw(&self, encoder: &mut wgpu::CommandEncoder) {
        let view = self.texture.create_view(&wgpu::TextureViewDescriptor::default());
        let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            label: Some("frame"),
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view: &view,
                depth_slice: None,
                resolve_target: None,
                ops: wgpu::Operations { load: wgpu::LoadOp::Clear(wgpu::Color::WHITE), store: wgpu::StoreOp::Store },
            })],
            ..Default::default()
        });
        pass.set_bind_group(0, &self.bindings, &[]);
        pass.set_pipeline(&self.plane);
        pass.draw(0..3, 0..1);
        pass.set_pipeline(&self.discs);
        pass.draw(0..4, 0..self.points);
    }

    /// The pixels of the last frame, three bytes each.
    pub fn pixels(&self, device: &wgpu::Device, queue: &wgpu::Queue) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        encoder.copy_texture_to_buffer(
            self.texture.as_image_copy(),
            wgpu::TexelCopyBufferInfo {
                buffer: &self.staging,
                layout: wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(SIZE * 4), rows_per_image: None },
            },
            self.texture.size(),
        );
        queue.submit([encoder.finish()]);
        self.staging.map_async(wgpu::MapMode::Read, .., |_| ());
        device.poll(wgpu::PollType::wait_indefinitely())?;
        let pixels = self.staging.get_mapped_range(..)?.chunks(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
        self.staging.unmap();
        Ok(pixels)
    }
}
