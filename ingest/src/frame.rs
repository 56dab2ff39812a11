//! What the header of an image says.

use std::io::Cursor;

use image::{ImageFormat, ImageReader};

/// Kind and size of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ImageHeader {
    pub(crate) encoding: &'static str,
    pub(crate) width_px: i32,
    pub(crate) height_px: i32,
}

/// Reads the header of a JPEG or PNG image; the pixels stay undecoded.
pub(crate) fn image_header(bytes: &[u8]) -> Option<ImageHeader> {
    let reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .ok()?;
    let encoding = match reader.format()? {
        ImageFormat::Jpeg => "jpeg",
        ImageFormat::Png => "png",
        _ => return None,
    };
    let (width, height) = reader.into_dimensions().ok()?;
    Some(ImageHeader {
        encoding,
        width_px: i32::try_from(width).ok()?,
        height_px: i32::try_from(height).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::image_header;

    #[test]
    fn the_size_of_an_image_is_read() {
        let mut bytes = std::io::Cursor::new(Vec::new());
        image::RgbImage::new(7, 3)
            .write_to(&mut bytes, image::ImageFormat::Png)
            .unwrap();
        let header = image_header(bytes.get_ref()).unwrap();
        assert_eq!(
            (header.encoding, header.width_px, header.height_px),
            ("png", 7, 3)
        );
        assert!(image_header(b"no image").is_none());
        assert!(image_header(&[]).is_none());
    }
}
