//! A sweep of one network from many starts, which returns the final losses.

use shaderprop::{Member, Sweep};
use wasm_bindgen::prelude::*;

use crate::description::Description;
use crate::settings::Settings;
use crate::{Device, matrices, thrown};

/// Trains the network from that many seeds, the description's and the ones after it; returns the final loss of each.
#[wasm_bindgen]
pub async fn sweep(
    device: &Device,
    description: &str,
    networks: u32,
    inputs: Vec<f32>,
    targets: Vec<f32>,
    settings: &str,
) -> Result<Vec<f32>, JsValue> {
    let (description, settings) = (Description::parse(description)?, Settings::parse(settings)?);
    let (network, fit) = (description.network()?, settings.fit()?);
    let seeds = (0..networks).map(|i| description.seed().wrapping_add(i));
    let members = seeds.map(|seed| description.init_with(seed).map(Member::new)).collect::<Result<Vec<_>, _>>()?;
    let mut sweep = Sweep::new(&device.0, &network, members).map_err(thrown)?;
    let (inputs, targets) = matrices(&network, inputs, targets, settings.loss()?)?;
    let history = sweep.fit_async(inputs, targets, &fit).await.map_err(thrown)?;
    Ok(history.members.iter().map(|member| member.loss as f32).collect())
}
