//! Makes what the fuzz targets start from, in `fuzz/corpus`: the contents of the sample events in
//! `events/`, and small pictures of every kind.

use std::{
    fs,
    io::Cursor,
    path::{Path, PathBuf},
};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use image::{
    ColorType, Delay, DynamicImage, ExtendedColorType, Frame, ImageEncoder as _, ImageFormat, Rgba,
    RgbaImage,
    codecs::{gif::GifEncoder, jpeg::JpegEncoder, png::PngEncoder},
};
use serde_json::Value;

/// Texts at the edge of what a user can be.
const TEXTS: [&str; 20] = [
    "test@test.com",
    "o'hara+tag@sub.example.co.uk",
    "вася@пример.рф",
    "vasya@ПРИМЕР.РФ",
    "vasya@xn--e1afmkfd.xn--p1ai",
    "ผู้ใช้ทดสอบ@ทดสอบ.ไทย",
    "用户@例子。公司",
    "a@faß.de",
    "user@192.168.1.1",
    "e\u{301}@test.com",
    "\u{212a}elvin@test.com",
    "te\u{202e}st@test.com",
    "\"a b\"@test.com",
    "test@[127.0.0.1]",
    "Ada.King_1815",
    "Вася-Jr.",
    " 12345 ",
    "correct horse battery staple",
    "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$DleGwoO0h6/VmcuByVHow8+9DFd9QO7kTbBFpvF/KgU",
    "avatars/f0d4568f-c938-480a-8564-d95e95b5af4a/00112233445566778899aabbccddeeff.webp",
];

fn main() -> anyhow::Result<()> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut corpus = Corpus {
        folder: fuzz.join("corpus"),
        seeds: 0,
    };
    for function in fs::read_dir(fuzz.join("../events"))? {
        let function = function?.path();
        if !function.is_dir() {
            continue;
        }
        for file in fs::read_dir(&function)? {
            let text = fs::read(file?.path())?;
            add_parts(&mut corpus, &serde_json::from_slice(&text)?)?;
        }
    }
    for text in TEXTS {
        corpus.add("user", text.as_bytes())?;
    }
    for picture in pictures()? {
        corpus.add("avatar", &picture)?;
    }
    // Files of cameras, and small ones of the files that ask for much work or memory.
    for folder in ["../avatar/tests/pictures", "seeds/avatar"] {
        for file in fs::read_dir(fuzz.join(folder))? {
            corpus.add("avatar", &fs::read(file?.path())?)?;
        }
    }
    Ok(())
}

/// The folders of seeds, by the names of the targets.
struct Corpus {
    folder: PathBuf,
    seeds: usize,
}

impl Corpus {
    fn add(&mut self, target: &str, seed: &[u8]) -> anyhow::Result<()> {
        let folder = self.folder.join(target);
        fs::create_dir_all(&folder)?;
        self.seeds += 1;
        Ok(fs::write(
            folder.join(format!("seed-{}", self.seeds)),
            seed,
        )?)
    }
}

/// Adds the body and the token of `event`.
fn add_parts(corpus: &mut Corpus, event: &Value) -> anyhow::Result<()> {
    let header = |name: &str| {
        let headers = event["headers"].as_object()?;
        let (_, value) = headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        value.as_str()
    };
    if let (Some(content_type), Some(body)) = (header("Content-Type"), event["body"].as_str()) {
        let body = match event["isBase64Encoded"] == true {
            true => STANDARD.decode(body)?,
            false => body.as_bytes().to_vec(),
        };
        corpus.add("form", &[content_type.as_bytes(), b"\n", &body].concat())?;
    }
    if let Some(authorization) = header("Authorization") {
        corpus.add("token", authorization.as_bytes())?;
        let mut segments = authorization.trim_start_matches("JWT ").split('.');
        if let (Some(header), Some(claims), Some(_)) =
            (segments.next(), segments.next(), segments.next())
        {
            let parts =
                [header, claims].map(|part| URL_SAFE_NO_PAD.decode(part).unwrap_or_default());
            corpus.add("token", &parts.join(&b'\n'))?;
        }
    }
    Ok(())
}

/// A picture of every format and kind of pixel, an animation, and one with metadata.
fn pictures() -> anyhow::Result<Vec<Vec<u8>>> {
    let mut pictures = Vec::new();
    for (format, colors) in [
        (ImageFormat::Jpeg, &[ColorType::L8, ColorType::Rgb8][..]),
        (
            ImageFormat::Png,
            &[
                ColorType::L8,
                ColorType::La8,
                ColorType::Rgb8,
                ColorType::Rgba8,
                ColorType::L16,
                ColorType::Rgba16,
            ],
        ),
        (
            ImageFormat::WebP,
            &[ColorType::L8, ColorType::Rgb8, ColorType::Rgba8],
        ),
        (ImageFormat::Gif, &[ColorType::Rgba8]),
    ] {
        for &color in colors {
            let mut bytes = Cursor::new(Vec::new());
            DynamicImage::new(24, 17, color).write_to(&mut bytes, format)?;
            pictures.push(bytes.into_inner());
        }
    }

    // Long enough to be decoded at a smaller scale.
    for color in [ColorType::L8, ColorType::Rgb8] {
        let mut bytes = Cursor::new(Vec::new());
        DynamicImage::new(1600, 40, color).write_to(&mut bytes, ImageFormat::Jpeg)?;
        pictures.push(bytes.into_inner());
    }
    let frame = |shade| {
        let image = RgbaImage::from_pixel(16, 16, Rgba([shade, 90, 20, 255]));
        Frame::from_parts(image, 0, 0, Delay::from_numer_denom_ms(100, 1))
    };
    let mut animation = Vec::new();
    GifEncoder::new(&mut animation).encode_frames([frame(0), frame(200)])?;
    pictures.push(animation);

    let profile = moxcms::ColorProfile::new_display_p3().encode()?;
    let pixels = [90; 16 * 16 * 3];
    let mut png = Vec::new();
    let mut encoder = PngEncoder::new(&mut png);
    encoder.set_icc_profile(profile.clone())?;
    encoder.write_image(&pixels, 16, 16, ExtendedColorType::Rgb8)?;
    pictures.push(png);
    let mut jpeg = Vec::new();
    let mut encoder = JpegEncoder::new(&mut jpeg);
    encoder.set_icc_profile(profile)?;
    encoder.write_image(&pixels, 16, 16, ExtendedColorType::Rgb8)?;
    pictures.push(jpeg);
    Ok(pictures)
}
