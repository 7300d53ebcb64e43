//! A minimal PNG writer: unfiltered rows of RGB.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::ZlibEncoder;

/// Writes a picture of that width, with three bytes per pixel.
pub fn write(out: &mut impl Write, width: u32, pixels: &[u8]) -> io::Result<()> {
    let row = 3 * width as usize;
    let height = (pixels.len() / row) as u32;
    let mut data = ZlibEncoder::new(Vec::new(), Compression::default());
    for row in pixels.chunks(row) {
        // Filter type 0: none.
        data.write_all(&[0])?;
        data.write_all(row)?;
    }
    out.write_all(b"\x89PNG\r\n\x1a\n")?;
    // Eight bits each of red, green and blue; the standard compression and filter methods; not interlaced.
    chunk(out, b"IHDR", &[&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat())?;
    chunk(out, b"IDAT", &data.finish()?)?;
    chunk(out, b"IEND", &[])
}

fn chunk(out: &mut impl Write, kind: &[u8; 4], data: &[u8]) -> io::Result<()> {
    let checked = [kind, data].concat();
    out.write_all(&(data.len() as u32).to_be_bytes())?;
    out.write_all(&checked)?;
    out.write_all(&crc32fast::hash(&checked).to_be_bytes())
}
