//! Reads the corpus of the fuzz targets again: valid files, and many that are not.

#[path = "common/checksum.rs"]
mod checksum;
#[path = "../fuzz/src/readers.rs"]
mod readers;

use std::path::Path;

#[test]
fn every_file_of_the_corpus_is_read_or_refused() {
    let mut repairs = 0;
    for target in readers::TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
        let mut files = 0;
        for entry in std::fs::read_dir(&folder).expect("the corpus").flatten() {
            let data = std::fs::read(entry.path()).expect("a file");
            println!("{}", entry.path().display());
            readers::read(target, &data);
            // The code behind the checksum is reached only with a correct one; in fuzzing, any is accepted.
            if let Some(repaired) = Some(&data).filter(|_| target == "checkpoint").and_then(|data| repaired(data)) {
                readers::read(target, &repaired);
                repairs += 1;
            }
            files += 1;
        }
        assert!(files >= 20, "{files} files in {}", folder.display());
    }
    assert!(repairs > 0, "{repairs} checkpoints with a checksum");
}

/// The checkpoint with its checksum corrected.
fn repaired(data: &[u8]) -> Option<Vec<u8>> {
    let length = usize::try_from(u64::from_le_bytes(data.get(..8)?.try_into().ok()?)).ok()?;
    let header: serde_json::Value = serde_json::from_slice(data.get(8..length.checked_add(8)?)?).ok()?;
    let was = header["__metadata__"]["checksum"].as_str()?;
    let is = checksum::checksum(&header, &data[8 + length..])?;
    let at = data.windows(8).position(|part| part == was.as_bytes())?;
    Some([&data[..at], is.as_bytes(), &data[at + 8..]].concat())
}
