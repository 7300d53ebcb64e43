//! Reads NPY: magic bytes, a version, the length of a header that is a Python dictionary, the data.

use std::io::Read;

use super::{Array, Kind, Numbers, elements, take};

/// The longest accepted header, in bytes. No array of numbers has a longer one.
const LONGEST_HEADER: usize = 1 << 16;

pub(super) fn read(mut file: impl Read, accept: impl FnOnce(&[usize]) -> Result<(), String>) -> Result<Array, String> {
    let magic = take(&mut file, 8)?;
    if magic[..6] != *b"\x93NUMPY" {
        return Err("a file that begins otherwise".into());
    }
    let length = take(&mut file, if magic[6] == 1 { 2 } else { 4 })?;
    let length = length.iter().rev().fold(0usize, |length, byte| length << 8 | usize::from(*byte));
    if length > LONGEST_HEADER {
        return Err(format!("a header of {length} bytes"));
    }
    let header = String::from_utf8(take(&mut file, length)?).map_err(|_| "a header that is no text")?;
    let after = |key: &str| {
        let found = header.split_once(&format!("'{key}'")).and_then(|(_, rest)| rest.trim_start().strip_prefix(':'));
        found.map(str::trim_start).ok_or_else(|| format!("a header without `{key}`"))
    };
    let descr = after("descr")?.strip_prefix('\'').and_then(|rest| rest.split_once('\'')).map_or("", |(descr, _)| descr);
    let kind = match descr.trim_start_matches(['<', '>', '|', '=']) {
        "b1" | "u1" => (Kind::Unsigned, 1),
        "u2" => (Kind::Unsigned, 2),
        "u4" => (Kind::Unsigned, 4),
        "u8" => (Kind::Unsigned, 8),
        "i1" => (Kind::Signed, 1),
        "i2" => (Kind::Signed, 2),
        "i4" => (Kind::Signed, 4),
        "i8" => (Kind::Signed, 8),
        "f4" => (Kind::Float, 4),
        "f8" => (Kind::Float, 8),
        _ => return Err(format!("elements of the type `{descr}`")),
    };
    let fortran = after("fortran_order")?.starts_with("True");
    let shape = after("shape")?.strip_prefix('(').and_then(|rest| rest.split_once(')')).map_or("", |(shape, _)| shape);
    let lengths = shape.split(',').map(str::trim).filter(|length| !length.is_empty());
    let shape: Vec<usize> =
        lengths.map(|length| length.parse().map_err(|_| format!("a dimension of `{length}`"))).collect::<Result<_, _>>()?;
    // NumPy's own limit is 64 dimensions.
    if shape.is_empty() || shape.len() > 32 {
        return Err(format!("an array of {} dimensions", shape.len()));
    }
    accept(&shape)?;
    let integers = !matches!(kind.0, Kind::Float);
    let values = elements(file, &shape, kind, descr.starts_with('>'))?;
    let values = match values {
        values if !fortran => values,
        Numbers::Single(values) => Numbers::Single(in_rows(&values, &shape)),
        Numbers::Double(values) => Numbers::Double(in_rows(&values, &shape)),
        Numbers::Integers(values) => Numbers::Integers(in_rows(&values, &shape)),
    };
    Ok(Array { values, shape, integers })
}

/// Converts values from Fortran order (first dimension fastest) to row-major order (last dimension fastest).
fn in_rows<T: Copy>(values: &[T], shape: &[usize]) -> Vec<T> {
    let place = |mut i: usize| {
        // The digits of i, last dimension first, give the position when they are read from the first dimension on.
        let digits: Vec<usize> = shape
            .iter()
            .rev()
            .map(|n| {
                let digit = i % n;
                i /= n;
                digit
            })
            .collect();
        digits.iter().zip(shape.iter().rev()).fold(0, |place, (digit, n)| place * n + digit)
    };
    (0..values.len()).map(|i| values[place(i)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn npy(header: &str, data: &[u8]) -> Result<Array, String> {
        let mut file = b"\x93NUMPY\x01\x00".to_vec();
        file.extend((header.len() as u16).to_le_bytes());
        file.extend(header.as_bytes());
        file.extend(data);
        read(file.as_slice(), |_| Ok(()))
    }

    #[test]
    fn numbers_of_all_kinds_in_both_orders() {
        let header = |descr: &str, fortran: &str, shape: &str| {
            format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n")
        };
        let floats: Vec<u8> = [1.5f32, -2.0, 3.0, 4.0, 5.0, 6.0].iter().flat_map(|x| x.to_le_bytes()).collect();
        let array = npy(&header("<f4", "False", "(2, 3)"), &floats).expect("an array");
        assert_eq!((array.shape.clone(), array.into_values()), (vec![2, 3], vec![1.5, -2.0, 3.0, 4.0, 5.0, 6.0]));
        let array = npy(&header("<f4", "True", "(2, 3)"), &floats).expect("an array");
        assert_eq!(array.into_values(), [1.5, 3.0, 5.0, -2.0, 4.0, 6.0]);
        assert_eq!(npy(&header(">i2", "False", "(2,)"), &[255, 254, 1, 0]).expect("an array").into_values(), [-2.0, 256.0]);
        assert_eq!(npy(&header("|b1", "False", "(2,)"), &[0, 1]).expect("an array").into_values(), [0.0, 1.0]);
        assert_eq!(npy(&header("<f8", "False", "(1,)"), &0.25f64.to_le_bytes()).expect("an array").into_values(), [0.25]);
        assert_eq!(npy(&header("<u8", "False", "(1,)"), &7u64.to_le_bytes()).expect("an array").into_values(), [7.0]);
    }

    #[test]
    fn what_is_no_array_of_numbers_is_refused() {
        let header = |rest: &str| format!("{{'descr': '<f4', 'fortran_order': False, {rest}}}");
        for (header, data) in [
            (header("'shape': (2,)"), vec![0; 7]),
            (header("'shape': (2,)"), vec![0; 9]),
            (header("'shape': ()"), vec![0; 4]),
            (header("'shape': (-1,)"), vec![]),
            (header("'shape': (18446744073709551615, 2)"), vec![]),
            (header("'nothing': 0"), vec![]),
            ("{'descr': '<c8', 'fortran_order': False, 'shape': (1,)}".into(), vec![0; 8]),
            ("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}".into(), vec![0; 4]),
        ] {
            assert!(npy(&header, &data).is_err(), "{header}");
        }
        assert!(read(b"\x93NUMPY\x01".as_slice(), |_| Ok(())).is_err());
        assert!(read(b"no such file".as_slice(), |_| Ok(())).is_err());
    }
}
