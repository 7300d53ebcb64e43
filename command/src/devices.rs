//! `devices`: which devices there are, and which one would be used.

use clap::Args;
use serde_json::json;
use shaderprop::{DeviceChoice, DeviceInfo, DeviceKind};

use crate::options::{self, OnDevice, StepSize};
use crate::talk::{self, Failure, Talk};

/// Lists the devices, and shows which one would be used and why
///
/// Example:
///   shaderprop devices
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Options {
    #[command(flatten)]
    device: OnDevice,
    /// Print one JSON object per device
    #[arg(long)]
    json: bool,
}

pub fn run(options: &Options) -> Result<(), Failure> {
    let devices = options::without_complaint(shaderprop::devices)?;
    let choice = options.device.choice();
    let used = options::open_adapter(&choice, StepSize::LEAST);
    let chosen = used.as_ref().ok().and_then(|device| devices.iter().position(|info| info == device.info()));
    for (i, info) in devices.iter().enumerate() {
        if options.json {
            talk::print(&object(info, chosen == Some(i)).to_string())?;
            continue;
        }
        talk::print(&format!("{} {info}", if chosen == Some(i) { "*" } else { " " }))?;
        if let Some(limits) = &info.limits {
            let mib = |bytes: u64| bytes >> 20;
            let lanes = match limits.subgroup {
                (least, most) if least == most => least.to_string(),
                (least, most) => format!("{least} to {most}"),
            };
            talk::print(&format!(
                "      buffers up to {} MiB, bindings up to {} MiB; workgroups up to {} invocations, {} KiB of memory; subgroups of {lanes}; {}",
                mib(limits.buffer),
                mib(limits.binding),
                limits.workgroup_invocations,
                limits.workgroup_memory >> 10,
                if limits.clock { "timestamps" } else { "no timestamps" }
            ))?;
        }
    }
    let device = used?;
    let asked = options.device.device.as_ref().map(|_| "--device");
    let asked =
        asked.or_else(|| std::env::var_os("SHADERPROP_DEVICE").filter(|name| !name.is_empty()).map(|_| "SHADERPROP_DEVICE"));
    let why = match (asked, device.info().kind) {
        (Some(asked), _) => format!("{asked} selects it"),
        (None, DeviceKind::Hardware) => "it is the first GPU, with discrete GPUs before integrated ones".into(),
        (None, DeviceKind::Software) => "there is no GPU, and this is the first software adapter".into(),
        (None, DeviceKind::Cpu) => "no adapter could be opened".into(),
    };
    let talk = Talk { quiet: false };
    talk.say(format!("* would be used: {why}"));
    if let Some(notice) = device.notice() {
        talk.say(format!("notice: {notice}"));
    }
    if choice == DeviceChoice::Auto && device.info().kind == DeviceKind::Software {
        talk.say(
            "notice: for most networks the CPU engine is faster than this adapter, and auto takes it; see `shaderprop doctor`",
        );
    }
    Ok(())
}

fn object(info: &DeviceInfo, used: bool) -> serde_json::Value {
    let kind = match info.kind {
        DeviceKind::Hardware => "hardware",
        DeviceKind::Software => "software",
        DeviceKind::Cpu => "cpu",
    };
    let limits = info.limits.map(|limits| {
        json!({
            "buffer": limits.buffer,
            "binding": limits.binding,
            "workgroup_memory": limits.workgroup_memory,
            "workgroup_invocations": limits.workgroup_invocations,
            "subgroup": [limits.subgroup.0, limits.subgroup.1],
            "clock": limits.clock,
        })
    });
    json!({"name": info.name, "kind": kind, "backend": info.backend, "driver": info.driver, "limits": limits, "used": used})
}
