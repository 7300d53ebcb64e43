//! Trains a sweep with the fused engine, as many networks at a time as the device's buffers hold.

use std::ops::Range;

use super::history::SweepLog;
use super::member::Member;
use super::networks::Networks;
use super::task::{Task, Trained};
use super::weights::RowWeights;
use crate::engine::Batches;
use crate::engine::fused::{self, Kept, PackedRows, Population, Size};
use crate::error::Error;
use crate::gpu::Device;
use crate::kernel::{Fused, Limits};
use crate::settings::Fit;
use crate::train::State;

/// The maximum number of steps that are prepared at once, in whole epochs.
const MOST_STEPS: usize = 65_536;

/// How many times the progress of a group is told.
const TOLD: usize = 20;

/// Trains group by group.
pub async fn train<L: FnMut(&SweepLog) + ?Sized>(
    device: &Device,
    fused: &Fused,
    task: &Task<'_>,
    networks: &mut Networks,
    start: State,
    mut on_log: Option<&mut L>,
) -> Result<Trained, Error> {
    let &Task { fit, data, .. } = task;
    let Some(gpu) = &device.gpu else { return Err(Error::NoAdapter) };
    let limits = device.limits();
    let kept = fit.log_every.map_or(0, |every| fit.epochs.div_ceil(every));
    let outputs = fused.layers[fused.layers.len() - 1].outs;
    let (inputs, targets) = (fused.pack_inputs(data.inputs.values()), fused.pack_targets(&data.dense_targets(outputs)));
    if networks.slots.is_empty() {
        networks.slots.resize(networks.parameters.len() * fused.rule.slots.len(), 0.0);
    }
    let mut logged = Vec::with_capacity(networks.len());
    let mut state = start.clone();
    let size = |networks| Size { networks, kept, copies: 0, longest: fused.longest(&limits, fit.epochs), scanned: false };
    let mut most = fitting(fused, kept, &limits);
    let mut first = 0;
    while first < networks.len() {
        if most == 0 {
            let longest = limits.binding.min(limits.buffer);
            return Err(Error::TooLarge {
                what: "one network of a sweep, with its row weights and the losses that are logged".into(),
                limit: format!("{longest} bytes in a buffer, in which 0 of {} networks fit", networks.len()),
                got: format!("{} bytes", fused.bytes(&size(1), fused.rows).1),
            });
        }
        let group = first..(first + most).min(networks.len());
        let (weights, lists) = match task.weights {
            Some(weights) => weights.pack(fused, group.clone()),
            None => (Vec::new(), vec![RowWeights { first: 0, total: fused.rows as f64 }; group.len()]),
        };
        let rows = PackedRows { inputs: &inputs, targets: &targets, weights: &weights, seed: fit.seed };
        let mut population = match Population::new(gpu, &limits, fused, &size(group.len()), &rows).await {
            Ok(population) => population,
            // Retry with fewer at a time.
            Err(Error::OutOfMemory { .. }) if group.len() > 1 => {
                most = group.len() / 2;
                continue;
            }
            Err(error) => return Err(error),
        };
        let settings = task.members[group.clone()].iter().zip(&lists);
        population.write_members(&settings.map(|(member, list)| settings_of(member, fused, fit, list)).collect::<Vec<_>>())?;
        write(&population, networks, group.clone()).await?;
        let len = networks.len();
        let mut told = on_log
            .as_mut()
            .map(|on_log| |epoch: usize| on_log(&SweepLog { networks: group.clone(), len, epoch, epochs: fit.epochs }));
        state = run(&mut population, fit, start.clone(), told.as_mut()).await?;
        logged.extend(read(&mut population, networks, group.clone(), kept).await?);
        first = group.end;
    }
    Ok(Trained { logged, state })
}

/// How many networks the device's buffers hold at a time.
fn fitting(fused: &Fused, kept: usize, limits: &Limits) -> usize {
    let longest = limits.binding.min(limits.buffer) / 4;
    let losses = (kept as u64).saturating_add(1);
    let numbers = [
        // Parameters and losses share one readback buffer.
        (fused.network_numbers() as u64).saturating_add(losses),
        size_of::<fused::Member>() as u64 / 4,
        if fused.weighted { fused.rows as u64 } else { 1 },
    ];
    let fitting = numbers.into_iter().map(|count| longest / count).min().unwrap_or(0);
    // Counts are u32.
    fitting.min(u64::from(u32::MAX) / losses.max(fused.words() as u64)) as usize
}

/// A member's row of settings on the device.
fn settings_of(member: &Member, fused: &Fused, fit: &Fit, rows: &RowWeights) -> fused::Member {
    let own = member.settings(fit);
    fused::Member {
        learning_rate: own.base_rate() as f32,
        weight_decay: own.decay() as f32,
        loss_scale: fused.loss_scale(rows.total),
        rows: fused.rows as f32,
        epochs: member.epochs.and_then(|end| u32::try_from(end).ok()).unwrap_or(u32::MAX),
        weights: rows.first,
    }
}

/// Writes the numbers of a group to the device.
async fn write(population: &Population, networks: &Networks, group: Range<usize>) -> Result<(), Error> {
    let own: Vec<Vec<f32>> = group.clone().map(|k| [networks.parameters_of(k), networks.slots_of(k)].concat()).collect();
    population.write_parameters(&population.fused().pack(own.iter().map(Vec::as_slice))).await?;
    population.write_losses(&networks.losses[group])
}

/// Trains a group for all epochs. Tells now and then how many are done.
async fn run(
    population: &mut Population,
    fit: &Fit,
    mut state: State,
    mut told: Option<&mut impl FnMut(usize)>,
) -> Result<State, Error> {
    let batches = Batches::of(fit, population.fused().rows);
    let mut kept = match fit.log_every {
        Some(every) => Kept { every: u32::try_from(every).unwrap_or(u32::MAX), wait: 0, slot: 0 },
        None => Kept { every: u32::MAX, wait: u32::MAX, slot: 0 },
    };
    let most = if told.is_some() { fit.epochs.div_ceil(TOLD) } else { fit.epochs };
    let at_once = (MOST_STEPS / batches.steps()).min(most).max(1);
    let mut done = 0;
    while done < fit.epochs {
        let count = at_once.min(fit.epochs - done);
        let before = state.epochs as u32;
        let mut steps = Vec::new();
        for _ in 0..count {
            state.epoch(fit, &batches, &mut steps);
        }
        let rates: Vec<_> = match population.fused().stepped {
            true => steps.iter().map(|step| Fused::rates(fit, step)).collect(),
            false => Vec::new(),
        };
        kept = population.train(&fused::Epochs { before, count, rates: &rates }, kept, None).await?.kept;
        done += count;
        if let Some(told) = &mut told {
            told(done);
        }
    }
    Ok(state)
}

/// Reads the numbers of a group back, and returns the losses that were logged for each of its networks.
async fn read(
    population: &mut Population,
    networks: &mut Networks,
    group: Range<usize>,
    kept: usize,
) -> Result<Vec<Vec<f32>>, Error> {
    let fused::Read { losses, parameters, .. } = population.read_losses(kept, true).await?;
    let packed = parameters.unwrap_or_default();
    let (fused, count) = (population.fused(), group.len());
    networks.losses[group.clone()].copy_from_slice(&losses[..count]);
    let places = fused.places();
    for (k, network) in group.enumerate() {
        let values = fused.unpack(&places, &packed, k, count);
        let (parameters, slots) = values.split_at(networks.parameters_each());
        networks.set_parameters(network, parameters);
        networks.set_slots(network, slots);
    }
    Ok((0..count).map(|k| losses[count..].iter().skip(k).step_by(count).copied().collect()).collect())
}
