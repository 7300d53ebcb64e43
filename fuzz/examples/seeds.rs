//! Writes the files that the corpus began with to a folder: a few valid files of each kind.

use std::fs;
use std::path::{Path, PathBuf};

use shaderprop::{
    Activation, Checkpoint, Columns, Csv, Device, EarlyStopping, Error, Fit, Init, Metric, Model, Network, Optimizer,
    Preprocessing, Save, Table,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("no folder given; name one")?);
    for target in ["safetensors", "checkpoint", "npz", "npy", "idx", "csv"] {
        fs::create_dir_all(folder.join(target))?;
    }
    models(&folder)?;
    checkpoints(&folder.join("checkpoint"))?;
    let tables = [
        "a,b,c\n1,2,x\n3,4.5e-3,y\n,?,z\n",
        "\u{feff}name;value\n\"a;b\"\"c\";1,5\nb;-2\n",
        "1\t2\t3\n4\t5\t6\n",
        "y|x\r\nyes|1\r\nno|NaN\r\n\r\n",
    ];
    for (i, text) in tables.iter().enumerate() {
        fs::write(folder.join("csv").join(i.to_string()), text)?;
    }
    // Type, dimensions, sizes, elements.
    let arrays: [&[u8]; 4] = [
        &[0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9],
        &[0, 0, 0xd, 2, 0, 0, 0, 1, 0, 0, 0, 2, 0x3f, 0x80, 0, 0, 0x40, 0, 0, 0],
        &[0, 0, 0xb, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2, 3, 4],
        &[0, 0, 0xe, 1, 0, 0, 0, 1, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0],
    ];
    for (i, bytes) in arrays.iter().enumerate() {
        fs::write(folder.join("idx").join(i.to_string()), bytes)?;
    }
    let kinds = [("<f4", 4), (">f8", 8), ("|u1", 1), ("<i8", 8), ("|b1", 1), ("<f2", 2)];
    for (i, (kind, bytes)) in kinds.iter().enumerate() {
        for order in ["False", "True"] {
            let header = format!("{{'descr': '{kind}', 'fortran_order': {order}, 'shape': (2, 3), }}");
            let mut file = b"\x93NUMPY\x01\x00".to_vec();
            let padded = format!("{header:<117}\n");
            file.extend((padded.len() as u16).to_le_bytes());
            file.extend(padded.bytes());
            file.extend(std::iter::repeat_n(1, 6 * bytes));
            fs::write(folder.join("npy").join(format!("{i}-{order}")), file)?;
        }
    }
    Ok(())
}

/// Models with and without preprocessing.
fn models(folder: &Path) -> Result<(), Error> {
    let plain = Network::new(2).dense(2, Activation::Tanh).dense(1, Activation::Sigmoid);
    let plain = Model::new(&Device::cpu(), &plain, &Init::default())?;
    let table = Table::from_csv("x,w,y\n1,a,2\n3,b,4\n5,a,0\n".as_bytes(), &Csv::new())?;
    let fitted = Preprocessing::fit(&table, &Columns::number("y"))?;
    let network = Network::new(fitted.inputs()).dense(3, Activation::Relu).dropout(0.5).dense(1, Activation::Identity);
    let fitted = Model::new(&Device::cpu(), &network, &Init::default())?.with_preprocessing(fitted)?;
    for (name, model) in [("plain", plain), ("fitted", fitted)] {
        model.save(folder.join("safetensors").join(format!("{name}.safetensors")), &Save::new().overwrite(true))?;
        model.save(folder.join("npz").join(format!("{name}.npz")), &Save::new().overwrite(true))?;
    }
    Ok(())
}

/// Checkpoints of the training run that src/readers.rs resumes, and of another one.
fn checkpoints(folder: &Path) -> Result<(), Error> {
    let network = Network::new(2).dense(2, Activation::Tanh).dense(1, Activation::Sigmoid);
    let stopping = Fit::new().optimizer(Optimizer::adam()).metrics([Metric::Accuracy]).early_stopping(EarlyStopping::patience(2));
    for (name, fit) in [("plain", Fit::new()), ("stopping", stopping.validation_split(0.5))] {
        let fit = fit.epochs(3).checkpoint(Checkpoint::new(folder.join(name)).overwrite(true));
        Model::new(&Device::cpu(), &network, &Init::Zeros)?.fit(&[[0.0, 1.0], [1.0, 0.0]], &[[0.0], [1.0]], &fit)?;
    }
    Ok(())
}
