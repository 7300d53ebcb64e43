//! The names of kernels in messages, and of the files of their modules.

use super::table::{Kernel, Weights};
use super::text::vector;

impl Kernel {
    /// The name in messages: the file, and the functions chosen for it.
    pub fn label(&self) -> String {
        let file = self.file().unwrap_or_default();
        match self {
            Kernel::Gather { width, classes, weights } => {
                let classes = if *classes { ", classes" } else { "" };
                let weights = if *weights == Weights::Given { ", weights" } else { "" };
                format!("{file} ({}{classes}{weights})", vector(*width))
            }
            Kernel::TotalLoss => format!("{file} (partials)"),
            Kernel::BiasActivation(activation) | Kernel::HiddenDelta(activation) => format!("{file} ({})", activation.name()),
            Kernel::Dropout { in_place } => format!("{file} ({})", if *in_place { "backward" } else { "forward" }),
            Kernel::OutputDelta(loss, activation, weights)
            | Kernel::Loss(loss, activation, weights)
            | Kernel::PartialLoss(loss, activation, weights) => {
                let weights = if *weights == Weights::Given { ", weights" } else { "" };
                format!("{file} ({}, {}{weights})", loss.name(), activation.name())
            }
            Kernel::Update { rule, width, clipped } => {
                let decay = if rule.decays() { ", decay" } else { "" };
                let wide = if *width == 4 { ", vec4f" } else { "" };
                format!("{file} ({}{decay}{wide}{})", rule.name, if *clipped { ", clipped" } else { "" })
            }
            Kernel::Product(product) => product.label(),
            Kernel::Fused(fused) => fused.label(),
            Kernel::SumSlices { epilogue, ones } => {
                format!("sum_slices{} ({})", if *ones { " ones" } else { "" }, epilogue.label())
            }
            _ => file.into(),
        }
    }

    /// The file name of its module: `loss.wgsl (squared_error, sigmoid)` becomes `loss.squared_error.sigmoid.wgsl`.
    pub fn module_name(&self) -> String {
        let label = self.label();
        let (name, choices) = label.split_once(" (").unwrap_or((&label, ""));
        let choices: Vec<_> = choices.trim_end_matches(')').split(", ").filter(|choice| !choice.is_empty()).collect();
        let name = name.trim_end_matches(".wgsl").replace(' ', "_");
        [&[name.as_str()], choices.as_slice(), &["wgsl"]].concat().join(".")
    }
}
