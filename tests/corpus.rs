//! The corpus of the fuzz targets, read once more: files that are good, and many that are not.

#[path = "../fuzz/src/readers.rs"]
mod readers;

use std::path::Path;

#[test]
fn every_file_of_the_corpus_is_read_or_refused() {
    for target in readers::TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
        let mut files = 0;
        for entry in std::fs::read_dir(&folder).expect("the corpus").flatten() {
            let data = std::fs::read(entry.path()).expect("a file");
            println!("{}", entry.path().display());
            readers::read(target, &data);
            files += 1;
        }
        assert!(files >= 20, "{files} files in {}", folder.display());
    }
}
