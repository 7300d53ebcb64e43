//! Tables and arrays as they occur in practice: what they are converted to, and what is refused, with its position.

mod common;

use std::io::{self, Cursor, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{numbers, refused};
use shaderprop::{
    Activation, Array, Columns, Csv, CsvNotice, Device, Fit, Init, Loss, Metric, Missing, Model, Network, Optimizer, Predictions,
    Preprocessing, Scaling, Table, TableReader,
};

fn table(text: &str) -> Table {
    Table::from_csv(text.as_bytes(), &Csv::new()).unwrap_or_else(|error| panic!("{error}"))
}

/// A file of that name in the tests' folder.
fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = common::shared("tables").join(name);
    std::fs::write(&path, bytes).expect("a file");
    path
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("bytes");
    encoder.finish().expect("bytes")
}

const PEOPLE: &str = "name,age,city,height,buys\nann,30,Rome,1.5,yes\nbob,,Oslo,1.7,no\ncid,50,Rome,NA,no\ndan,40,?,1.9,yes\n";

#[test]
fn missing_values_categories_and_scaling() {
    let columns = Columns::classes("buys").drop(["name"]).missing(Missing::Median);
    let fitted = Preprocessing::fit(&table(PEOPLE), &columns).expect("it fits");
    assert_eq!(fitted.classes(), Some(["no".to_owned(), "yes".to_owned()].as_slice()));
    // Age, then Oslo, Rome and other cities, then height.
    assert_eq!((fitted.inputs(), fitted.outputs()), (5, 2));
    let data = fitted.transform(&table(PEOPLE)).expect("data");
    assert_eq!(data.targets.values(), [1.0, 0.0, 0.0, 1.0]);
    // The median age is 40, and so is the mean of 30, 40, 50, 40; the standard deviation is √50.
    let age: Vec<f32> = (0..4).map(|row| data.inputs.row(row)[0]).collect();
    let unit = (10.0 / 50f64.sqrt()) as f32;
    assert_eq!(age, [-unit, 0.0, unit, 0.0]);
    let city: Vec<&[f32]> = (0..4).map(|row| &data.inputs.row(row)[1..4]).collect();
    // Rome is the most frequent city, and replaces the missing one.
    assert_eq!(city, [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 0.0]]);

    // Columns in a different order, additional ones, no target, an unknown city; and raw rows through a model.
    let new = table("height,extra,city,age\n1.5,1,Lima,30\n1.7,2,Rome,\n");
    let inputs = fitted.transform_inputs(&new).expect("inputs");
    assert_eq!(inputs.row(0)[..4], [-unit, 0.0, 0.0, 1.0]);
    assert_eq!((inputs.row(1)[0], inputs.row(0)[4]), (0.0, data.inputs.row(0)[4]));
    let network = Network::new(5).dense(2, Activation::Softmax);
    let model = Model::new(&Device::cpu(), &network, &Init::Zeros).and_then(|model| model.with_preprocessing(fitted.clone()));
    let Predictions::Classes { classes, probabilities } = model.and_then(|model| model.predict_table(&new)).expect("predictions")
    else {
        panic!("classes")
    };
    assert_eq!((classes, probabilities.values()), (vec!["no".to_owned(); 2], [0.5; 4].as_slice()));

    // A constant column becomes 0, however its mean is rounded.
    let flat: String = (0..7).map(|i| format!("0.1,{i}\n")).collect();
    let flat = table(&format!("x,y\n{flat}"));
    let fitted = Preprocessing::fit(&flat, &Columns::number("y")).expect("it fits");
    assert_eq!(fitted.transform_inputs(&flat).expect("inputs").values(), [0.0; 7]);

    // Missing values are replaced by the most frequent one. Scaling is from 0 to 1, or none at all.
    let other = columns.clone().missing(Missing::MostFrequent).scaling(Scaling::MinMax).categorical(["height"]);
    let data = Preprocessing::fit(&table(PEOPLE), &other).and_then(|fitted| fitted.transform(&table(PEOPLE))).expect("data");
    // Each age occurs once, so the smallest replaces the missing one. Height is 1.5, 1.7, 1.9 or another value.
    assert_eq!(data.inputs.row(1), [0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
    assert_eq!(data.inputs.row(2), [1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
    let plain = columns.scaling(Scaling::None);
    let data = Preprocessing::fit(&table(PEOPLE), &plain).and_then(|fitted| fitted.transform(&table(PEOPLE))).expect("data");
    assert_eq!((data.inputs.row(1)[0], data.inputs.row(2)[4]), (40.0, 1.7));
}

/// The target of a regression is scaled, and predictions are in its original units.
#[test]
fn numbers_are_predicted_in_their_units() {
    let rows: String = (0..40).map(|i| format!("{},{}\n", i, 1000.0 + 25.0 * f64::from(i))).collect();
    let table = table(&format!("x,price\n{rows}"));
    let fitted = Preprocessing::fit(&table, &Columns::number("price")).expect("it fits");
    let data = fitted.transform(&table).expect("data");
    let network = Network::new(fitted.inputs()).dense(fitted.outputs(), Activation::Identity);
    let mut model =
        Model::new(&Device::cpu(), &network, &Init::default()).expect("a model").with_preprocessing(fitted).expect("it fits");
    let fit = Fit::new().loss(Loss::MeanSquaredError).optimizer(Optimizer::adam()).learning_rate(0.05).epochs(500);
    model.fit(&data.inputs, &data.targets, &fit).expect("a training run");
    let Predictions::Numbers(prices) = model.predict_table(&table).expect("predictions") else { panic!("numbers") };
    assert!((prices[0] - 1000.0).abs() < 2.0 && (prices[39] - 1975.0).abs() < 2.0, "{prices:?}");
}

#[test]
fn files_in_common_variants() {
    let text = b"\xef\xbb\xbfa;b\r\n1 ;\"x;y\"\r\n2;z\r\n";
    for path in [file("semicolons.csv", text), file("semicolons.csv.gz", &gzipped(text)), file("no-name", &gzipped(text))] {
        let table = Table::read_csv(&path, &Csv::new().delimiter(b';')).expect("a table");
        assert_eq!(table.names(), ["a", "b"]);
        assert_eq!((&*table.cell(0, 0), &*table.cell(0, 1), table.rows()), ("1", "x;y", 2));
    }
    let table = Table::from_csv("1,2\n3,4\n".as_bytes(), &Csv::new().header(false)).expect("a table");
    assert_eq!((table.names(), &*table.cell(1, 0)), (["0".to_owned(), "1".to_owned()].as_slice(), "3"));
    assert_eq!(table.select(&[1]).rows(), 1);

    let mut idx = vec![0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2];
    idx.extend([1, 2, 3, 255]);
    for path in [file("images.idx", &idx), file("images.idx.gz", &gzipped(&idx))] {
        let images = Array::read_idx(&path).expect("an array");
        assert_eq!(images.shape, [2, 1, 2]);
        let matrix = images.into_matrix().expect("a matrix");
        assert_eq!((matrix.rows(), matrix.row(1)), (2, [3.0, 255.0].as_slice()));
    }
    // -2 and 3 in each type, or 254 and 3 in the unsigned one, most significant byte first.
    let of_type = |kind: u8, data: &[u8]| {
        let bytes = [&[0, 0, kind, 1, 0, 0, 0, 2][..], data].concat();
        Array::read_idx(file("types.idx", &bytes)).map(Array::into_values)
    };
    let big_endian = |values: [i32; 2], width: usize| values.map(|value| value.to_be_bytes()[4 - width..].to_vec()).concat();
    assert_eq!(of_type(0x08, &big_endian([254, 3], 1)).expect("unsigned"), [254.0, 3.0]);
    for (kind, width) in [(0x09, 1), (0x0B, 2), (0x0C, 4)] {
        assert_eq!(of_type(kind, &big_endian([-2, 3], width)).expect("signed"), [-2.0, 3.0], "type {kind}");
    }
    assert_eq!(of_type(0x0D, &[-2.0f32, 3.5].map(f32::to_be_bytes).concat()).expect("floats"), [-2.0, 3.5]);
    assert_eq!(of_type(0x0E, &[-2.0f64, 3.5].map(f64::to_be_bytes).concat()).expect("doubles"), [-2.0, 3.5]);
    refused(of_type(0x0A, &[1, 2]), &["begins with the bytes"]);
}

/// Header and delimiter are inferred. Tables are read in pieces of any size, with positions in the whole file.
#[test]
fn formats_are_inferred_and_tables_read_in_pieces() {
    for (text, names, rows) in [
        ("a,b\n1,2\n", &["a", "b"][..], 1),
        ("1,2\n3,4\n", &["0", "1"], 2),
        ("x;1,5\ny;2,5\n", &["0", "1"], 2),
        ("0,24;0,54;0,787;-0,31\n1;2;3;4\n", &["0", "1", "2", "3"], 2),
        ("\n\na;b\n1;2\n", &["a", "b"], 1),
        ("a\tb\n1\t2\n", &["a", "b"], 1),
        ("a|b|c\n1|2|3", &["a", "b", "c"], 1),
        ("\"a,b\";c\n1;2\n", &["a,b", "c"], 1),
        ("\"a,b,c,d\";e\n1;2\n", &["a,b,c,d", "e"], 1),
        ("red,1e3\nblue,2\n", &["0", "1"], 2),
        ("nan,b\n1,2\n", &["nan", "b"], 1),
        ("7\n8\n9", &["0"], 3),
    ] {
        let table = Table::from_csv(text.as_bytes(), &Csv::guess()).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(
            (table.names(), table.rows()),
            (names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>().as_slice(), rows),
            "{text}"
        );
        let reader = TableReader::new(text.as_bytes(), &Csv::guess()).expect("a table");
        assert_eq!((reader.has_header(), reader.names()), (names[0] != "0", table.names()), "{text}");
    }
    assert_eq!(Table::from_csv("1,2\n3,4\n".as_bytes(), &Csv::guess().header(true)).expect("a table").names(), ["1", "2"]);
    // Cells may contain line breaks, so lines are not rows.
    let text = "a,b\n\"x\ny\",1\nz,2\nw,bad\n";
    let whole = table(text);
    for size in 1..5 {
        let mut reader = TableReader::new(text.as_bytes(), &Csv::new()).expect("a table");
        let mut read = Vec::new();
        while let Some(piece) = reader.read(size).expect("rows") {
            assert!(piece.rows() <= size);
            read.extend((0..piece.rows()).map(|row| (piece.cell(row, 0).into_owned(), piece.cell(row, 1).into_owned())));
        }
        let expected: Vec<_> = (0..3).map(|row| (whole.cell(row, 0).into_owned(), whole.cell(row, 1).into_owned())).collect();
        assert_eq!(read, expected);
        assert!(reader.read(size).expect("nothing").is_none());
    }
    let columns = Columns::number("b");
    refused(Preprocessing::fit(&whole, &columns), &["table, line 5, row 3, column `b`", "`bad`"]);
    refused(Preprocessing::fit(&whole.select(&[1, 2]), &columns), &["table, line 5, row 3, column `b`"]);
    let mut reader = TableReader::new("a,b\n1,2\n3\n".as_bytes(), &Csv::new()).expect("a table");
    assert_eq!(reader.read(1).expect("a row").map(|table| table.rows()), Some(1));
    refused(reader.read(1), &["line 3"]);
}

/// A table with a first line and this many more.
fn lines(first: &str, rows: usize, row: impl Fn(usize) -> String) -> String {
    std::iter::once(first.to_owned()).chain((0..rows).map(row)).map(|line| line + "\n").collect()
}

/// Header and delimiter are inferred from many lines. If two readings are possible, the reader reports the doubt.
#[test]
fn header_and_delimiter_are_inferred_from_many_lines() {
    let decimal = |i: usize| f64::from(numbers(i as u64, 1)[0]);
    let header = |assumed| Some(CsvNotice::Header { assumed });
    let cases: Vec<(&str, String, &[&str], Option<CsvNotice>)> = vec![
        // Numbers as names.
        (
            "numbered from 0",
            lines("0,1,2", 60, |i| format!("{:.3},{:.3},{:.3}", decimal(i), decimal(i + 60), decimal(i + 120))),
            &["0", "1", "2"],
            None,
        ),
        (
            "numbered from 1, with a target",
            lines("1,2,y", 30, |i| format!("{:.2},{:.2},{}", decimal(i), decimal(i + 30), i % 2)),
            &["1", "2", "y"],
            None,
        ),
        (
            "an index without a name",
            lines(",0,1", 40, |i| format!("{i},{:.3},{:.3}", decimal(i), decimal(i + 40))),
            &["unnamed_0", "0", "1"],
            None,
        ),
        (
            "years over decimals",
            lines("2019,2020,y", 60, |i| format!("{:.3},{:.3},{}", decimal(i), decimal(i + 60), i % 2)),
            &["2019", "2020", "y"],
            None,
        ),
        ("years over counts", lines("1999,2000", 30, |i| format!("{},{}", i % 7, i % 5)), &["1999", "2000"], header(true)),
        ("a number over words", lines("7,y", 20, |i| format!("{},{i}", ["red", "green"][i % 2])), &["7", "y"], None),
        // Words as data.
        (
            "words that repeat",
            lines("a,g,yes", 40, |i| format!("{},{},{}", ["a", "b"][i % 2], ["g", "h", "i"][i % 3], ["no", "yes"][i % 2])),
            &["0", "1", "2"],
            None,
        ),
        (
            "a new word over words that repeat",
            lines("colour,size", 40, |i| format!("{},{i}", ["red", "green"][i % 2])),
            &["colour", "size"],
            None,
        ),
        ("names over names", lines("name,city", 20, |i| format!("n{i},c{i}")), &["name", "city"], header(true)),
        // Numbers as data.
        (
            "counts in order",
            lines("1,2,3", 20, |i| format!("{},{},{}", 3 * i + 4, 3 * i + 5, 3 * i + 6)),
            &["0", "1", "2"],
            header(false),
        ),
        (
            "an index and classes",
            lines("0,1,2", 30, |i| format!("{},{},{}", i + 1, i % 3, i % 4)),
            &["0", "1", "2"],
            header(false),
        ),
        (
            "a word among numbers",
            lines("0.5,oops,0.25", 30, |i| format!("{:.3},{:.3},{:.3}", decimal(i), decimal(i + 1), decimal(i + 2))),
            &["0", "1", "2"],
            header(false),
        ),
        (
            "a missing number",
            lines("0.5,NA,0.25", 30, |i| format!("{:.3},{:.3},{:.3}", decimal(i), decimal(i + 1), decimal(i + 2))),
            &["0", "1", "2"],
            None,
        ),
        ("a number among names", lines("size,7", 30, |i| format!("{:.3},{i}", decimal(i))), &["size", "7"], header(true)),
        // Whole numbers in the range of the decimals below are data.
        (
            "a first row of whole numbers",
            lines("5,3,1", 40, |i| format!("{}.5,{}.25,{}.125", 4 + i % 4, 2 + i % 3, i % 4)),
            &["0", "1", "2"],
            None,
        ),
        (
            "whole and decimal",
            lines("1,2,3.5", 30, |i| format!("{}.5,{}.25,{}.125", i % 5, i % 6, i % 7)),
            &["0", "1", "2"],
            None,
        ),
        ("two rows", lines("5,3", 2, |i| format!("{}.1,3.5", 4 + i)), &["0", "1"], header(false)),
        (
            "years in the range of counts",
            lines("country,2019,2020", 30, |i| format!("c{i},{},{}", 100 + 300 * i, 200 + 290 * i)),
            &["0", "1", "2"],
            header(false),
        ),
        // Delimiters.
        (
            "a semicolon in a name",
            lines("id,\"size; cm\",y", 20, |i| format!("{i},{:.2},no", decimal(i))),
            &["id", "size; cm", "y"],
            None,
        ),
        (
            "semicolons in quotes",
            lines("id,\"lat;lon\",y", 20, |i| format!("{i},\"{i};1\",{}", i % 2)),
            &["id", "lat;lon", "y"],
            None,
        ),
        (
            "semicolons in cells",
            lines("1,red;blue,yes", 20, |i| format!("{i},red;blue,{}", ["yes", "no"][i % 2])),
            &["0", "1", "2"],
            None,
        ),
        ("commas in a name", lines("\"x, y\";b;c", 20, |i| format!("{i};{};1", i % 3)), &["x, y", "b", "c"], None),
        (
            "commas in sentences",
            lines("id\ttext\ty", 20, |i| format!("{i}\tone, two{}\t{}", ", three".repeat(i % 3), i % 2)),
            &["id", "text", "y"],
            None,
        ),
        ("decimal commas", lines("a;b", 20, |i| format!("{i},5;{},25", i % 7)), &["a", "b"], None),
        (
            "either of two",
            lines("a,b;c", 20, |i| format!("x{i},y;z{i}")),
            &["a", "b;c"],
            Some(CsvNotice::Delimiter { assumed: ',', other: ';' }),
        ),
    ];
    let mut wrong = Vec::new();
    for (what, text, names, doubt) in &cases {
        let guessed = |reader: &TableReader| {
            let guessed = |notice: &&CsvNotice| matches!(notice, CsvNotice::Header { .. } | CsvNotice::Delimiter { .. });
            reader.notices().iter().find(guessed).cloned()
        };
        let reader = TableReader::new(Cursor::new(text.clone().into_bytes()), &Csv::guess()).expect("a table");
        let rows = Table::from_csv(text.as_bytes(), &Csv::guess()).expect("a table").rows();
        let expected = text.lines().count() - usize::from(reader.has_header());
        if reader.names() != *names || guessed(&reader) != *doubt || rows != expected {
            wrong.push(format!("{what}: {:?}, {rows} rows, {:?}", reader.names(), reader.notices()));
        }
        // What is given is not inferred.
        let given = Csv::guess().header(true).delimiter(b',');
        let reader = TableReader::new(Cursor::new(text.clone().into_bytes()), &given).expect("a table");
        assert!(guessed(&reader).is_none() && reader.has_header(), "{what}");
    }
    // A line that repeats itself has no names.
    let zeros = "0,0,0\n0.1,0.5,0.2\n0.2,0.7,0.4\n0.3,0.9,0.5\n";
    assert_eq!(Table::from_csv(zeros.as_bytes(), &Csv::guess()).expect("a table").rows(), 4);
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// A source that a signal interrupts at every other call, that counts the bytes read, and that fails at a given
/// position.
struct Source {
    text: Cursor<Vec<u8>>,
    read: Arc<AtomicUsize>,
    interrupted: bool,
    fails_at: usize,
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.interrupted = !self.interrupted;
        if self.interrupted {
            return Err(io::ErrorKind::Interrupted.into());
        }
        if self.read.load(Ordering::Relaxed) >= self.fails_at {
            return Err(io::Error::other("the cable is cut"));
        }
        let count = self.text.read(buffer)?;
        self.read.fetch_add(count, Ordering::Relaxed);
        Ok(count)
    }
}

/// Before rows are requested, a source is read only as far as its first lines need. Signals do not end reading,
/// failures do.
#[test]
fn sources_are_read_only_as_far_as_needed() {
    let rows = 200_000;
    let text: String = std::iter::once("a;b\n".to_owned()).chain((0..rows).map(|i| format!("{i};x\n"))).collect();
    let read = Arc::new(AtomicUsize::new(0));
    let source = |fails_at: usize| {
        read.store(0, Ordering::Relaxed);
        Source { text: Cursor::new(text.clone().into_bytes()), read: read.clone(), interrupted: false, fails_at }
    };
    assert!(text.len() > 1 << 20);
    let mut reader = TableReader::new(source(usize::MAX), &Csv::guess()).expect("a table");
    assert_eq!(reader.names(), ["a", "b"]);
    assert!(read.load(Ordering::Relaxed) <= 1 << 16, "{read:?} bytes for the first lines");
    let mut seen = 0;
    while let Some(piece) = reader.read(1000).expect("rows") {
        assert_eq!(*piece.cell(0, 0), seen.to_string());
        seen += piece.rows();
    }
    assert_eq!((seen, read.load(Ordering::Relaxed)), (rows, text.len()));
    refused(TableReader::new(source(0), &Csv::new()).map(|_| ()), &["table", "the cable is cut"]);
    let mut cut = TableReader::new(source(1 << 17), &Csv::new()).expect("a table");
    refused(cut.read(usize::MAX), &["table", "the cable is cut"]);
}

/// Arrays become tables of numbers: with a scale for each column or one for all, and classes by number.
/// An indicator of missing numbers needs 30 rows that lack them; missing text is always a category of its own.
#[test]
fn indicators_need_rows_to_learn_from() {
    let fitted = |missing: usize| {
        let row = |i: usize| match i < missing {
            true => format!(",,{}\n", i % 2),
            false => format!("{i},red,{}\n", i % 2),
        };
        let table = table(&format!("x,colour,y\n{}", (0..100).map(row).collect::<String>()));
        let fitted = Preprocessing::fit(&table, &Columns::classes("y").missing(Missing::Indicator)).expect("it fits");
        let first = fitted.transform_inputs(&table).expect("inputs").row(0).to_vec();
        (fitted.inputs(), first)
    };
    // x; missing, red and other colours.
    let (inputs, first) = fitted(29);
    assert_eq!((inputs, &first[1..]), (4, [1.0, 0.0, 0.0].as_slice()));
    let (inputs, first) = fitted(30);
    assert_eq!((inputs, &first[1..]), (5, [1.0, 1.0, 0.0, 0.0].as_slice()));
    // A few missing colours are a category, too.
    assert_eq!(fitted(1).0, 4);
}

/// Arrays keep their precision until they are scaled, and labels may be one-hot.
#[test]
fn arrays_are_exact() {
    let header = |descr: &str, shape: &str| {
        let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
        [b"\x93NUMPY\x01\x00".to_vec(), (header.len() as u16).to_le_bytes().to_vec(), header.into_bytes()].concat()
    };
    let array = |name: &str, descr: &str, shape: &str, data: Vec<u8>| {
        Array::read_npy(file(name, &[header(descr, shape), data].concat())).expect("an array")
    };
    // Milliseconds since 1970, which an f32 holds to two minutes only, and identifiers that an f64 does not hold.
    let times: Vec<u8> = (0..4).flat_map(|i| (1_700_000_000_000.0f64 + 1000.0 * f64::from(i)).to_le_bytes()).collect();
    let ids: Vec<u8> = (0..4).flat_map(|i| ((1i64 << 53) + i % 2).to_le_bytes()).collect();
    let table = Table::from_arrays("times", array("t.npy", "<f8", "(4, 1)", times), Some(array("i.npy", "<i8", "(4,)", ids)));
    let table = table.expect("a table");
    assert_eq!((&*table.cell(1, 0), &*table.cell(1, 1)), ("1700000001000", "9007199254740993"));
    let fitted = Preprocessing::fit(&table, &Columns::classes("target")).expect("it fits");
    assert_eq!(fitted.classes().map(<[String]>::len), Some(2));
    let inputs = fitted.transform_inputs(&table).expect("inputs");
    let unit = 1.25f64.sqrt();
    let expected: Vec<f32> = [-1.5, -0.5, 0.5, 1.5].iter().map(|x| (x / unit) as f32).collect();
    assert_eq!(inputs.values(), expected);

    let inputs = || array("x.npy", "<f4", "(3, 1)", [1f32, 2.0, 3.0].iter().flat_map(|x| x.to_le_bytes()).collect());
    let labels = |values: &[u8]| array("l.npy", "|u1", "(3, 3)", values.to_vec());
    let table = Table::from_arrays("one-hot", inputs(), Some(labels(&[0, 0, 1, 1, 0, 0, 0, 1, 0]))).expect("a table");
    assert_eq!((0..3).map(|row| table.cell(row, 1).into_owned()).collect::<Vec<_>>(), ["2", "0", "1"]);
    assert!(table.are_integers(1));
    for wrong in [[0, 0, 1, 1, 1, 0, 0, 1, 0], [0, 0, 1, 0, 0, 0, 0, 1, 0], [0, 0, 2, 1, 0, 0, 0, 1, 0]] {
        refused(
            Table::from_arrays("other", inputs(), Some(labels(&wrong))),
            &["the targets of a table", "3 rows of a 1 among zeros"],
        );
    }
}

#[test]
fn arrays_become_tables() {
    let idx = |name: &str, shape: &[u32], data: &[u8]| {
        let mut bytes = vec![0, 0, 8, shape.len() as u8];
        shape.iter().for_each(|n| bytes.extend(n.to_be_bytes()));
        bytes.extend(data);
        Array::read_idx(file(name, &bytes)).expect("an array")
    };
    let table = Table::from_arrays(
        "images",
        idx("pixels.idx", &[3, 1, 2], &[0, 10, 50, 20, 100, 30]),
        Some(idx("labels.idx", &[3], &[7, 9, 7])),
    );
    let table = table.expect("a table");
    assert_eq!(
        (table.names(), &*table.cell(1, 0), &*table.cell(1, 2)),
        (["0", "1", "target"].map(str::to_owned).as_slice(), "50", "9")
    );
    let columns = Columns::classes("target");
    let fitted = |scaling| {
        let fitted = Preprocessing::fit(&table, &columns.clone().scaling(scaling)).expect("it fits");
        (fitted.transform(&table).expect("data"), fitted)
    };
    let (together, fitted_together) = fitted(Scaling::MinMaxTogether);
    assert_eq!(
        (together.inputs.values(), together.targets.values()),
        ([0.0, 0.1, 0.5, 0.2, 1.0, 0.3].as_slice(), [0.0, 1.0, 0.0].as_slice())
    );
    assert_eq!(fitted(Scaling::MinMax).0.inputs.values(), [0.0, 0.0, 0.5, 0.5, 1.0, 1.0]);
    assert_eq!((fitted_together.classes(), fitted_together.target()), (Some(["7", "9"].map(str::to_owned).as_slice()), "target"));
    assert!(fitted_together.to_string().ends_with("target target  2 classes: 7, 9"), "{fitted_together}");
    assert_eq!(fitted_together.numbers(), [("0", 0.0, 100.0), ("1", 0.0, 100.0)]);
    refused(
        Table::from_arrays("a", idx("few.idx", &[2, 1], &[1, 2]), Some(idx("more.idx", &[3], &[1, 2, 3]))),
        &["targets", "2 numbers", "[3]"],
    );
    refused(Table::from_arrays("a", idx("none.idx", &[0, 3], &[]), None), &["rows and columns"]);
}

/// Metrics of numbers are in the target's units, both after training and during it.
#[test]
fn numbers_are_evaluated_in_their_units() {
    let rows: String = (0..40).map(|i| format!("{i},{}\n", 1000.0 + 25.0 * f64::from(i * 7 % 40))).collect();
    let table = table(&format!("x,price\n{rows}"));
    let fitted = Preprocessing::fit(&table, &Columns::number("price")).expect("it fits");
    let data = fitted.transform(&table).expect("data");
    let network = Network::new(1).dense(1, Activation::Identity);
    // Nothing has been learned, so the mean is predicted.
    let model = Model::new(&Device::cpu(), &network, &Init::Zeros).and_then(|model| model.with_preprocessing(fitted));
    let mut model = model.expect("a model");
    let deviation = 25.0 * ((40f64 * 40.0 - 1.0) / 12.0).sqrt();
    let evaluation = model.evaluate_table(&table).expect("an evaluation");
    assert!((evaluation.metric(Metric::RootMeanSquaredError) - deviation).abs() < 1e-3 && (evaluation.loss - 1.0).abs() < 1e-6);
    assert!(
        (evaluation.metric(Metric::MeanAbsoluteError) - 250.0).abs() < 1e-3 && evaluation.metric(Metric::RSquared).abs() < 1e-6
    );
    let fit = Fit::new().learning_rate(0.0).metrics([Metric::RootMeanSquaredError]).validation_split(0.5);
    let history = model.fit(&data.inputs, &data.targets, &fit).expect("a training run");
    assert!((history.metrics["root_mean_squared_error"][0] - deviation).abs() < 60.0, "{history:?}");
    refused(
        Model::new(&Device::cpu(), &network, &Init::Zeros).and_then(|model| model.evaluate_table(&table)),
        &["preprocessing"],
    );
}

#[test]
fn malformed_tables_are_refused() {
    let from = |text: &[u8]| Table::from_csv(text, &Csv::new());
    refused(from(b""), &["no rows"]);
    refused(from(b"a,b\n"), &["no rows"]);
    refused(Table::read_csv(file("names-alone.csv", b"a,b\n"), &Csv::new()), &["names-alone.csv", "no rows"]);
    refused(from(b"a,b\n1,2\n3\n"), &["1 cell in line 3", "2"]);
    refused(from(b"a,b\n1,2\n3,4,5\n"), &["3 cells in line 3"]);
    refused(from(b"a,b\n1,2\na,b\n3,4\n"), &["a second header in line 3"]);
    let later = [b"a,b\n".as_slice(), &b"1,2\n".repeat(20_000), b"1,\xff\n"].concat();
    refused(from(&later), &["text that is not UTF-8, in line 20002"]);
    refused(Table::read_csv("/no/such/file.csv", &Csv::new()), &["/no/such/file.csv"]);
    refused(Table::read_csv(env!("CARGO_TARGET_TMPDIR"), &Csv::new()), &["a"]);
    refused(Table::read_csv(file("half.csv.gz", &gzipped(b"a,b\n1,2\n")[..20]), &Csv::new()), &["half.csv.gz"]);
}

#[test]
fn columns_that_make_no_sense_are_refused() {
    let people = table(PEOPLE);
    let fit = |columns: &Columns| Preprocessing::fit(&people, columns);
    let columns = Columns::classes("buys").drop(["name"]);
    refused(fit(&columns), &["table, line 3, row 2, column `age`", "got ``"]);
    refused(fit(&Columns::classes("buy")), &["unknown column `buy`", "buys"]);
    refused(fit(&Columns::classes("Zebra")), &["unknown column `Zebra`", "name, age, city, height, buys"]);
    refused(fit(&Columns::classes(7)), &["unknown column `number 7, from 0`"]);
    refused(fit(&columns.clone().drop(["aeg"])), &["`aeg`", "age"]);
    refused(fit(&columns.clone().drop(["buys"])), &["other than the target"]);
    refused(fit(&columns.clone().categorical(["buys"])), &["other than the target"]);
    refused(fit(&columns.clone().drop(["age", "city", "height"])), &["neither the target nor dropped"]);
    refused(fit(&Columns::number("buys").missing(Missing::Median)), &["row 1, column `buys`", "`yes`"]);
    // A missing target is refused, however missing inputs are handled.
    refused(fit(&Columns::number("age").missing(Missing::Median)), &["row 2, column `age`"]);
    refused(
        Preprocessing::fit(&table("a,b\n1,x\n2,\n3,y\n"), &Columns::classes("b").missing(Missing::Median)),
        &["row 2, column `b`", "a class"],
    );
    // However, a class may have any name.
    let fitted = Preprocessing::fit(&table("a,b\n1,None\n2,some\n3,?\n"), &Columns::classes("b")).expect("a preprocessing");
    assert_eq!(fitted.classes(), Some(&["?".to_owned(), "None".to_owned(), "some".to_owned()][..]));
    refused(
        Preprocessing::fit(&table("a,b\n1,x\n2,x\n"), &Columns::classes("b")),
        &["classes of column b", "at least 2", "got x"],
    );
    let ids: String = (0..1001).map(|i| format!("id{i},{}\n", i % 2)).collect();
    refused(
        Preprocessing::fit(&table(&format!("id,b\n{ids}")), &Columns::classes("b")),
        &["column `id`", "1001", "drop the column"],
    );
    refused(Preprocessing::fit(&people.select(&[]), &Columns::number("height")), &["at least one row"]);
    for infinite in ["inf", "-Infinity", "1e309"] {
        let text = format!("a,b\n1,x\n{infinite},y\n");
        refused(Preprocessing::fit(&table(&text), &Columns::classes("b")), &["row 2, column `a`", "finite", infinite]);
    }

    let fitted = fit(&columns.missing(Missing::Median)).expect("it fits");
    refused(fitted.transform(&table("age,city,height,buys\n1,Rome,2,maybe\n")), &["row 1, column `buys`", "no, yes", "`maybe`"]);
    // A word among numbers is missing, and counted.
    let old = table("age,city,height\nold,Rome,2\n");
    assert_eq!(fitted.transform_inputs(&old).expect("inputs").row(0)[0], 0.0);
    let unread = fitted.unread(&old).expect("counts");
    assert_eq!((unread.len(), unread[0].count, unread[0].cell.as_str(), unread[0].line), (1, 1, "old", 2));
    refused(fitted.transform_inputs(&table("age,city\n1,Rome\n")), &["unknown column `height`"]);
    let wrong = Network::new(4).dense(2, Activation::Softmax);
    let right = Network::new(5).dense(2, Activation::Softmax);
    let model = Model::new(&Device::cpu(), &right, &Init::Zeros).and_then(|model| model.with_preprocessing(fitted.clone()));
    refused(model.expect("a model").predict_table(&old), &["column `age`", "99 %", "`old` in line 2"]);
    refused(
        Model::new(&Device::cpu(), &wrong, &Init::Zeros).and_then(|model| model.with_preprocessing(fitted)),
        &["5 inputs and 2 outputs"],
    );
    let without = Model::new(&Device::cpu(), &wrong, &Init::Zeros).expect("a model");
    refused(without.predict_table(&people), &["preprocessing"]);
}

/// Files truncated at any byte, with any byte changed, or with headers that claim too much: an error without delay.
#[test]
fn malformed_arrays_are_refused() {
    let idx = [0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3, 4];
    for end in 0..idx.len() {
        refused(Array::read_idx(file("cut.idx", &idx[..end])), &["cut.idx", "an IDX file"]);
    }
    refused(Array::read_idx(file("long.idx", &[idx.as_slice(), &[5]].concat())), &["more data"]);
    refused(
        Array::read_idx(file("huge.idx", &[0, 0, 14, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255])),
        &["overflow"],
    );
    refused(Array::read_idx(file("promise.idx", &[0, 0, 8, 2, 127, 255, 255, 255, 0, 0, 1, 0, 1])), &["1 bytes of data"]);
    refused(Array::read_idx(file("flat.idx", &[0, 0, 8, 0])), &["without dimensions"]);
    refused(Array::read_npy(file("not.npy", b"PK\x03\x04 and so on")), &["an NPY file"]);
    // A changed byte gives an error or a different array, but no panic.
    for (kind, bytes) in [("idx", idx.to_vec()), ("npy", npy())] {
        for at in 0..bytes.len() {
            for change in [1u8, 0x80, 0xff] {
                let mut changed = bytes.clone();
                changed[at] ^= change;
                let path = file(&format!("changed.{kind}"), &changed);
                let array = if kind == "idx" { Array::read_idx(path) } else { Array::read_npy(path) };
                if let Ok(array) = array {
                    assert_eq!(array.shape.iter().product::<usize>(), array.clone().into_values().len());
                    array.into_matrix().expect("a matrix");
                }
            }
        }
    }
}

fn npy() -> Vec<u8> {
    npy_of("<f4", "False", "(2, 2)", &[1f32, 2.0, 3.0, 4.0].map(f32::to_le_bytes).concat())
}

fn npy_of(descr: &str, fortran: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
    [b"\x93NUMPY\x01\x00", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), data].concat()
}

/// Each type of numbers in both byte orders, both orders of dimensions, and the longest header and the largest number
/// of dimensions that are accepted.
#[test]
fn numpy_arrays_of_every_type_are_read() {
    let read = |bytes: &[u8]| Array::read_npy(file("types.npy", bytes));
    for (descr, expected, data) in [
        ("u1", [254.0, 3.0], vec![254, 3]),
        ("b1", [1.0, 0.0], vec![1, 0]),
        ("i1", [-2.0, 3.0], vec![254, 3]),
        ("u2", [65534.0, 3.0], [65534u16, 3].map(u16::to_le_bytes).concat()),
        ("i2", [-2.0, 3.0], [-2i16, 3].map(i16::to_le_bytes).concat()),
        ("u4", [4294967040.0, 3.0], [4294967040u32, 3].map(u32::to_le_bytes).concat()),
        ("i4", [-2.0, 3.0], [-2i32, 3].map(i32::to_le_bytes).concat()),
        ("u8", [18446742974197923840.0, 3.0], [18446742974197923840u64, 3].map(u64::to_le_bytes).concat()),
        ("i8", [-2.0, 3.0], [-2i64, 3].map(i64::to_le_bytes).concat()),
        ("f4", [-2.5, 3.0], [-2.5f32, 3.0].map(f32::to_le_bytes).concat()),
        ("f8", [-2.5, 3.0], [-2.5f64, 3.0].map(f64::to_le_bytes).concat()),
    ] {
        let turned: Vec<u8> = data.chunks(data.len() / 2).flat_map(|bytes| bytes.iter().rev().copied()).collect();
        for (order, data) in [('<', &data), ('>', &turned)] {
            let array = read(&npy_of(&format!("{order}{descr}"), "False", "(2,)", data));
            assert_eq!(array.expect("an array").into_values(), expected, "{order}{descr}");
        }
    }
    refused(read(&npy_of("<f2", "False", "(2,)", &[0; 4])), &["of the type `<f2`"]);

    // The element [i, j, k] of 2 × 3 × 4 is 100 i + 10 j + k.
    let element = |i: usize, j: usize, k: usize| (100 * i + 10 * j + k) as u8;
    let rows: Vec<u8> = (0..24).map(|at| element(at / 12, at / 4 % 3, at % 4)).collect();
    let columns: Vec<u8> = (0..24).map(|at| element(at % 2, at / 2 % 3, at / 6)).collect();
    let expected: Vec<f32> = rows.iter().map(|byte| f32::from(*byte)).collect();
    for (fortran, data) in [("False", &rows), ("True", &columns)] {
        let array = read(&npy_of("|u1", fortran, "(2, 3, 4)", data)).expect("an array");
        assert_eq!((array.shape.clone(), array.into_values()), (vec![2, 3, 4], expected.clone()), "fortran_order {fortran}");
    }

    // Version 2, whose header may be longer.
    let long = |length: usize| {
        let header = "{'descr': '|u1', 'fortran_order': False, 'shape': (1,), }";
        let blanks = " ".repeat(length - header.len());
        [b"\x93NUMPY\x02\x00", &(length as u32).to_le_bytes()[..], header.as_bytes(), blanks.as_bytes(), &[7]].concat()
    };
    assert_eq!(read(&long(1 << 16)).expect("an array").into_values(), [7.0]);
    refused(read(&long((1 << 16) + 1)), &["a header of 65537 bytes"]);
    let dimensions = |count: usize| npy_of("|u1", "False", &format!("({})", "1,".repeat(count)), &[7]);
    assert_eq!(read(&dimensions(32)).expect("an array").shape, [1; 32]);
    refused(read(&dimensions(33)), &["an array of 33 dimensions"]);
    refused(read(&dimensions(0)), &["an array of 0 dimensions"]);
}

/// What does not end, or would fill all memory, is refused. Positions are those in the file, whatever its line endings.
#[test]
fn records_are_identified_by_their_lines() {
    let from = |text: &str| Table::from_csv(text.as_bytes(), &Csv::new());
    // A quote that is never closed includes everything that follows.
    for (text, line) in [
        ("a,b\n1,x\n2,\"y\n3,x\n4,x\n", 3),
        ("a,b\n1,\"x", 2),
        ("a,b\n1,\"x\"\"", 2),
        ("\"a,b\n1,x\n", 1),
        ("a\n\"", 2),
        ("a\n1\n\"\n\n", 3),
        ("a\n1\n\"end", 3),
    ] {
        refused(from(text), &["a quote that is never closed", &format!("in line {line}")]);
    }
    for text in ["a,b\n1,\"x\"", "a,b\n1,\"x\"\n", "a,b\n1,x\n\n\n", "a,b\r\n1,x\r\n", "a,b\r1,x\r", "\u{feff}\"a\",b\n1,x"] {
        let table = from(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        assert_eq!(
            (table.names(), table.rows(), &*table.cell(0, 1)),
            (["a", "b"].map(str::to_owned).as_slice(), 1, "x"),
            "{text:?}"
        );
    }
    assert_eq!(from("a\n\n\"\"\n \n").expect("a column of missing values").rows(), 2);
    assert_eq!(from("a\nend\n\"end\"\nend").expect("words").rows(), 3);
    // Blank lines before the names, and a name that is cut within a character at the end of what is examined.
    for csv in [Csv::guess(), Csv::new().delimiter(b';')] {
        let table = Table::from_csv(" \n\t\na;b\n1;2\n".as_bytes(), &csv).expect("a table");
        assert_eq!((table.names(), table.rows()), (["a", "b"].map(str::to_owned).as_slice(), 1));
    }
    let cut = format!("a;{}\n1;2\n", "é".repeat(1 << 20));
    assert_eq!(Table::from_csv(cut.as_bytes(), &Csv::guess()).expect("a table").names().len(), 2);
    for delimiter in [b'"', b'\n', b'\r', 0xbd] {
        let result = Table::from_csv("a,b\n1,2\n".as_bytes(), &Csv::new().delimiter(delimiter));
        assert!(matches!(result, Err(shaderprop::Error::Setting { .. })), "{delimiter}");
        refused(result, &["the delimiter of a table"]);
    }
    assert_eq!(Table::from_csv("aeb\n1e2".as_bytes(), &Csv::new().delimiter(b'e')).expect("a table").names(), ["a", "b"]);
    // The error that ended reading is returned again by each later call.
    let mut reader = TableReader::new("a,b\n1,2\n3\n4,5\n".as_bytes(), &Csv::new()).expect("a table");
    for _ in 0..3 {
        refused(reader.read(9), &["1 cell in line 3"]);
    }
    // Line endings of Linux, Windows and old systems; empty lines; cells of several lines.
    for end in ["\n", "\r\n", "\r"] {
        for (text, line) in [
            ("a,b|1,2|3,x|", 3),
            ("a,b|1,2||||3,x", 6),
            ("||a,b|1,2|3,x|", 5),
            ("a,\"b\"|\"1|1\",2|3,x", 4),
            ("a,b|1,2|3,\"x||\"|", 3),
        ] {
            let text = text.replace('|', end);
            for csv in [Csv::new(), Csv::guess()] {
                let table = Table::from_csv(text.as_bytes(), &csv).unwrap_or_else(|error| panic!("{text:?}: {error}"));
                refused(Preprocessing::fit(&table, &Columns::number("b")), &[&format!("table, line {line}, row 2, column `b`")]);
            }
            refused(from(&text.replace("3,", "3,4,")), &[&format!("3 cells in line {line}")]);
        }
    }
    let headerless = Table::from_csv("\n\n1,x\n2,3\n".as_bytes(), &Csv::new().header(false)).expect("a table");
    refused(Preprocessing::fit(&headerless, &Columns::number("1")), &["table, line 3, row 1, column `1`"]);
    // More lines before the names than are read at once, and 17 MB of rows.
    let blank = format!("{}a;b\n1;2\n", "\n".repeat(9000));
    assert_eq!(Table::from_csv(blank.as_bytes(), &Csv::guess()).expect("a table").names(), ["a", "b"]);
    let cell = "x".repeat(8000);
    assert_eq!(from(&format!("a,b\n{}", format!("{cell},2\n").repeat(2200))).expect("17 MB of rows").rows(), 2200);
    // A header of several lines, and quotes that are part of the text.
    let excel = "\"weight\n(kg)\";\"height\n(m)\";class\n1;2;a\n";
    assert_eq!(
        Table::from_csv(excel.as_bytes(), &Csv::guess()).expect("a table").names(),
        ["weight\n(kg)", "height\n(m)", "class"]
    );
    // A name may be longer than what is read at once.
    let wide = format!("\"x\n{}\";b\n1;2\n", "y".repeat(10_000));
    for csv in [Csv::guess(), Csv::guess().header(true)] {
        assert_eq!(Table::from_csv(wide.as_bytes(), &csv).expect("a table").names()[1], "b");
    }
    for inches in ["size 5\";colour;price\n", "\"a \"\"b\"\";\n\";colour;price\n"] {
        let read = Arc::new(AtomicUsize::new(0));
        let text = format!("{inches}{}", "1;red;2\n".repeat(100_000)).into_bytes();
        let source = Source { text: Cursor::new(text), read: read.clone(), interrupted: false, fails_at: usize::MAX };
        assert_eq!(TableReader::new(source, &Csv::guess()).expect("a table").names()[1..], ["colour", "price"]);
        assert!(read.load(Ordering::Relaxed) <= 1 << 16, "{read:?} bytes for the first lines");
    }
    let inches = "size 5\";colour;price\n1;red;2\n";
    assert_eq!(Table::from_csv(inches.as_bytes(), &Csv::guess()).expect("a table").names(), ["size 5\"", "colour", "price"]);
    refused(from(&"x,".repeat(1 << 20)), &["1048577 columns, but at most 1048576 are allowed"]);
    refused(from(&",".repeat((1 << 20) - 1)), &["no rows"]);
    refused(from(&format!("a,b\n\"{}", "x\n".repeat((1 << 20) + 8192))), &["a row of more than 1048576 lines"]);
    assert_eq!(from(&format!("a,b\n{}1,2\n", "\n".repeat(1 << 21))).expect("a table").rows(), 1);
    // Files of a few KiB that unpack to a row without an end: in a cell, of cells, or of lines. And a row that is just
    // short enough.
    for (begin, byte) in [("a\n1\n", b'x'), ("a\n1\n", b','), ("a\n1\n\"", b'\n')] {
        let long = file("row.csv.gz", &gzipped(&[begin.as_bytes(), &vec![byte; (1 << 25) + 8192]].concat()));
        refused(Table::read_csv(long, &Csv::new()), &["a row of more than 33554432 bytes"]);
    }
    assert_eq!(from(&format!("a,b\n{},2\n", "x".repeat((1 << 25) - 8192))).expect("a table").rows(), 1);
}

/// A text may come in pieces as small as a byte.
#[test]
fn a_text_may_come_byte_by_byte() {
    struct Slow(Cursor<Vec<u8>>);
    impl Read for Slow {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let most = buffer.len().min(1);
            self.0.read(&mut buffer[..most])
        }
    }
    let slow = |text: &str, csv: &Csv| TableReader::new(Slow(Cursor::new(text.into())), csv);
    for csv in [Csv::new(), Csv::guess()] {
        for text in ["\u{feff}a,b\r\n1,\"x\r\ny\"\r\n\r\n2,z\r\n", " \r\na,b\r1,\"x\r\ny\"\r2,z\r"] {
            let mut reader = slow(text, &csv).unwrap_or_else(|error| panic!("{text:?}: {error}"));
            assert_eq!(reader.names(), ["a", "b"], "{text:?}");
            let table = reader.read(9).unwrap_or_else(|error| panic!("{text:?}: {error}")).expect("rows");
            assert_eq!((table.rows(), &*table.cell(0, 1), &*table.cell(1, 1)), (2, "x\r\ny", "z"), "{text:?}");
            assert!(reader.read(9).expect("the end").is_none(), "{text:?}");
        }
        for (text, message) in [("\u{feff}", "no rows"), ("\r\n\r\n", "no rows"), ("a\n\"1\n", "a quote that is never closed")] {
            refused(slow(text, &csv).and_then(|mut reader| reader.read(9)), &[message]);
            refused(Table::from_csv(text.as_bytes(), &csv), &[message]);
        }
        refused(Table::from_csv("\u{feff}\u{feff}".as_bytes(), &csv), &["no rows"]);
    }
}

/// Names may be as long as their file, but are shown only in part.
#[test]
fn long_names_are_shown_in_part() {
    let long = "x\u{1b}[31m".repeat(20_000);
    let text = format!("{long},colour,kind\n1,{long},{long}\n2,red,b\n3,red,b\n");
    let fitted = Preprocessing::fit(&table(&text), &Columns::classes("kind")).expect("it fits");
    let shown = fitted.to_string();
    assert!(shown.len() < 1000 && shown.contains('…') && !shown.contains('\u{1b}'), "{shown}");
    let network = Network::new(fitted.inputs()).dense(2, Activation::Softmax);
    let model = Model::new(&Device::cpu(), &network, &Init::Zeros).and_then(|model| model.with_preprocessing(fitted));
    let model = model.expect("a model");
    let evaluation = model.evaluate_table(&table(&text)).expect("an evaluation");
    let shown = evaluation.confusion_text(model.preprocessing().and_then(Preprocessing::classes).expect("classes"));
    assert!(shown.len() < 1000 && shown.lines().count() == 4 && !shown.contains('\u{1b}'), "{shown}");
    refused(table(&text).find("y".repeat(100_000)), &["unknown column `yyy"]);
}
