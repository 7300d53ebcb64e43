//! `devices`: what there is to compute on, and what would.

use clap::Args;
use serde_json::json;
use shaderprop::{DeviceInfo, DeviceKind};

use crate::options::OnDevice;
use crate::talk::{self, Failure, Talk};

/// Lists the devices that there are, and says which one would be used
///
/// Example:
///   shaderprop devices
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Options {
    #[command(flatten)]
    device: OnDevice,
    /// An object for each device
    #[arg(long)]
    json: bool,
}

pub fn run(options: &Options) -> Result<(), Failure> {
    let devices = shaderprop::devices()?;
    let used = options.device.open(0);
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
                "      buffers up to {} MiB, {} MiB of one at a time; workgroups of up to {}, {} KiB shared; subgroups of {lanes}; {}",
                mib(limits.buffer),
                mib(limits.binding),
                limits.workgroup_invocations,
                limits.workgroup_memory >> 10,
                if limits.clock { "a clock" } else { "no clock" }
            ))?;
        }
    }
    let device = used?;
    let asked = options.device.device.as_ref().map(|_| "--device");
    let asked =
        asked.or_else(|| std::env::var_os("SHADERPROP_DEVICE").filter(|name| !name.is_empty()).map(|_| "SHADERPROP_DEVICE"));
    let why = match (asked, device.info().kind) {
        (Some(asked), _) => format!("{asked} asks for it"),
        (None, DeviceKind::Hardware) => "it is the first GPU, discrete ones before integrated ones".into(),
        (None, DeviceKind::Software) => "there is no GPU, and it is the first software adapter".into(),
        (None, DeviceKind::Cpu) => "no adapter opens".into(),
    };
    let talk = Talk { quiet: false };
    talk.say(format!("* would be used: {why}"));
    if let Some(notice) = device.notice() {
        talk.say(format!("notice: {notice}"));
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
