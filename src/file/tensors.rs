//! Converts a network's parameters to the tensors of a file, and back.

use std::collections::HashSet;

use super::safetensors::{Contents, Tensor, Type};
use crate::display::{listed, shown};
use crate::error::Error;
use crate::network::{Layout, Network, Place};

/// The layout of a network described in a file, if the file has enough tensors for it.
pub fn layout_of(network: &Network, tensors: usize) -> Result<Layout, String> {
    if network.layers().len() > tensors {
        return Err(format!("{} layers with {tensors} tensors", network.layers().len()));
    }
    network.layout().map_err(|error| error.to_string())
}

/// Refuses missing tensors and unknown names. Known are the network's names with that prefix, and names that begin with
/// one of `extra`.
pub fn expect_names<'a>(
    names: impl Iterator<Item = &'a str>,
    prefix: &str,
    layout: &Layout,
    extra: &[&str],
) -> Result<(), String> {
    let names: HashSet<&str> = names.collect();
    let own: HashSet<&str> = layout.places.iter().map(|place| place.name.as_str()).collect();
    let known = |name: &&str| {
        name.strip_prefix(prefix).is_some_and(|name| own.contains(name)) || extra.iter().any(|extra| name.starts_with(extra))
    };
    if let Some(name) = names.iter().find(|name| !known(name)) {
        let tensors: Vec<&str> = layout.places.iter().map(|place| place.name.as_str()).collect();
        return Err(format!("an unexpected tensor {}, besides the network's {}", shown(name), listed(&tensors)));
    }
    let missing = layout.places.iter().find(|place| !names.contains(&format!("{prefix}{}", place.name).as_str()));
    missing.map_or(Ok(()), |place| Err(format!("no tensor {prefix}{} of shape {:?}", place.name, file_shape(&place.shape))))
}

/// The shape in safetensors, which is PyTorch's.
pub fn file_shape(shape: &[usize]) -> Vec<usize> {
    shape.iter().rev().copied().collect()
}

/// The parameters as tensors of a safetensors file, with weights transposed to (out, in).
pub fn tensors(prefix: &str, layout: &Layout, flat: &[f64], kind: Type) -> Vec<Tensor> {
    let tensor = |place: &Place| Tensor {
        name: format!("{prefix}{}", place.name),
        shape: file_shape(&place.shape),
        kind,
        values: turned(&flat[place.offset..place.offset + place.len], &place.shape),
    };
    layout.places.iter().map(tensor).collect()
}

/// The inverse: parameters from the file, flat.
pub fn parameters(contents: &Contents, prefix: &str, layout: &Layout, kinds: &[Type]) -> Result<Vec<f64>, String> {
    // All are checked before the sum of their sizes is trusted.
    for place in &layout.places {
        contents.check(&format!("{prefix}{}", place.name), &file_shape(&place.shape), kinds)?;
    }
    let mut flat = vec![0.0; layout.len];
    for place in &layout.places {
        let shape = file_shape(&place.shape);
        let values = contents.take(&format!("{prefix}{}", place.name), &shape, kinds)?;
        flat[place.offset..place.offset + place.len].copy_from_slice(&turned(&values, &shape));
    }
    Ok(flat)
}

/// Transposes a matrix of that shape; a vector is unchanged.
fn turned(values: &[f64], shape: &[usize]) -> Vec<f64> {
    match *shape {
        [rows, columns] => (0..columns).flat_map(|column| (0..rows).map(move |row| values[row * columns + column])).collect(),
        _ => values.to_vec(),
    }
}

pub fn check_finite(layout: &Layout, flat: &[f64], finite: impl Fn(&f64) -> bool) -> Result<(), Error> {
    for place in &layout.places {
        let values = &flat[place.offset..place.offset + place.len];
        if let Some(at) = values.iter().position(|value| !finite(value)) {
            let value = values[at] as f32;
            return Err(Error::NotFinite { what: place.name.clone(), place: format!("element {at}"), value });
        }
    }
    Ok(())
}
