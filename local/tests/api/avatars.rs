//! The avatar of a profile, from the upload to what a browser is served.

use std::io::Cursor;

use image::{
    Delay, DynamicImage, ExtendedColorType, Frame, ImageEncoder as _, ImageFormat, Luma, Rgb,
    RgbImage, Rgba, RgbaImage,
    codecs::{gif::GifEncoder, jpeg::JpegEncoder, png::PngEncoder},
};
use reqwest::{Method, multipart};
use serde_json::{Value, json};

use crate::client::{Api, Response, send};

const NOT_AN_IMAGE: &str =
    "Upload a valid image. The file you uploaded was either not an image or a corrupted image.";
const NOT_A_FILE: &str = "The submitted data was not a file. Check the encoding type on the form.";
const EMPTY: &str = "The submitted file is empty.";
const TOO_LARGE: &str = "Ensure this file is no larger than 4 MiB.";
const TOO_MANY_PIXELS: &str =
    "Ensure this image is no larger than 8192x8192 pixels and 50 megapixels.";

const MAX_BYTES: usize = 4 << 20;

/// Something like a photograph: soft shapes, an edge, and the grain of a sensor.
pub(crate) fn photograph(width: u32, height: u32) -> RgbImage {
    let mut grain = 1_u32;
    RgbImage::from_fn(width, height, |x, y| {
        grain = grain.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = (grain >> 28) as f32 - 8.0;
        let (u, v) = (x as f32 / width as f32, y as f32 / height as f32);
        let disc = if (u - 0.5).hypot(v - 0.4) < 0.25 {
            60.0
        } else {
            0.0
        };
        let channel = |phase: f32| {
            let soft = 110.0 + 50.0 * (7.0 * u + phase).sin() * (5.0 * v - phase).cos();
            (soft + disc + noise).clamp(0.0, 255.0) as u8
        };
        Rgb([channel(0.0), channel(1.0), channel(2.0)])
    })
}

pub(crate) fn jpeg(image: &RgbImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 92)
        .encode_image(image)
        .unwrap();
    bytes
}

fn encoded(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// `jpeg` with an EXIF block that gives its orientation (EXIF 2.32, tag 0x0112) and a place.
fn with_exif(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let mut exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    exif.extend(b"GPS: 55.7558 N 37.6173 E");
    let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    [&jpeg[..2], b"\xff\xe1", &length, &exif, &jpeg[2..]].concat()
}

/// A PNG of which there is little more than a header.
pub(crate) fn png_header(width: u32, height: u32) -> Vec<u8> {
    let header = [
        &width.to_be_bytes()[..],
        &height.to_be_bytes(),
        &[8, 2, 0, 0, 0],
    ]
    .concat();
    [
        b"\x89PNG\r\n\x1a\n".to_vec(),
        png_chunk(b"IHDR", &header),
        png_chunk(
            b"IDAT",
            &[0x78, 0x9c, 0x63, 0x00, 0x00, 0x00, 0x01, 0x00, 0x01],
        ),
        png_chunk(b"IEND", b""),
    ]
    .concat()
}

/// A chunk of a PNG, with its CRC (ISO/IEC 15948, section 5.3).
fn png_chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let named = [kind, data].concat();
    let crc = !named.iter().fold(!0_u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    });
    let length = u32::try_from(data.len()).unwrap();
    [&length.to_be_bytes()[..], &named, &crc.to_be_bytes()].concat()
}

/// What stands before the pixels of a PNG, the pixels themselves, and what stands after them.
fn png_parts(png: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let start = png.windows(4).position(|name| name == b"IDAT").unwrap() - 4;
    let length = u32::from_be_bytes(png[start..start + 4].try_into().unwrap());
    let pixels = start + 8..start + 8 + length as usize;
    (&png[..start], &png[pixels.clone()], &png[pixels.end + 4..])
}

/// An animated PNG of two frames of 32 x 32 pixels (PNG, third edition, section 11.3.6).
fn animated_png(frames: [RgbaImage; 2]) -> Vec<u8> {
    let [first, second] = frames.map(|frame| encoded(frame, ImageFormat::Png));
    let (before, first, after) = png_parts(&first);
    let (_, second, _) = png_parts(&second);
    let control = |sequence: u32| {
        let mut data: Vec<u8> = [sequence, 32, 32, 0, 0]
            .iter()
            .flat_map(|number| number.to_be_bytes())
            .collect();
        data.extend([0, 1, 0, 10, 0, 0]);
        png_chunk(b"fcTL", &data)
    };
    [
        before,
        &png_chunk(b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0]),
        &control(0),
        &png_chunk(b"IDAT", first),
        &control(1),
        &png_chunk(b"fdAT", &[&[0, 0, 0, 2], second].concat()),
        after,
    ]
    .concat()
}

/// An animated WebP of two frames of 32 x 32 pixels (RFC 9649, section 2.7.1).
fn animated_webp(frames: [RgbaImage; 2]) -> Vec<u8> {
    let chunk = |name: &[u8; 4], data: &[u8]| {
        let length = u32::try_from(data.len()).unwrap();
        [name, &length.to_le_bytes()[..], data].concat()
    };
    let frames = frames.map(|frame| {
        let webp = encoded(frame, ImageFormat::WebP);
        let place = [0, 0, 0, 0, 0, 0, 31, 0, 0, 31, 0, 0, 100, 0, 0, 0];
        // Behind the file's header there is one chunk: the frame's.
        chunk(b"ANMF", &[&place, &webp[12..]].concat())
    });
    let body = [
        b"WEBP".to_vec(),
        chunk(b"VP8X", &[0x12, 0, 0, 0, 31, 0, 0, 31, 0, 0]),
        chunk(b"ANIM", &[0; 6]),
        frames.concat(),
    ]
    .concat();
    chunk(b"RIFF", &body)
}

/// A JPEG of 8 x 8 pixels in CMYK, as Adobe's programs write it: (204, 25, 25) in RGB.
fn cmyk_jpeg() -> Vec<u8> {
    // One code of one bit for each table of codes: seven bits of difference, and the end of a block.
    let codes = |table: u8, symbol: u8| {
        let mut segment = vec![0xff, 0xc4, 0, 20, table, 1];
        segment.extend([0; 15]);
        segment.push(symbol);
        segment
    };
    [
        &b"\xff\xd8\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0"[..],
        &[&b"\xff\xdb\0\x43\0"[..], &[8; 64]].concat(),
        b"\xff\xc0\0\x14\x08\0\x08\0\x08\x04\x01\x11\0\x02\x11\0\x03\x11\0\x04\x11\0",
        &codes(0x00, 7),
        &codes(0x10, 0),
        b"\xff\xda\0\x0e\x04\x01\0\x02\0\x03\0\x04\0\0\x3f\0",
        // 128 + 100, 128 - 100, 128 - 100 and 128 + 100, where 255 is no ink.
        b"\x64\x0d\x86\xcc\x8f\xff\xd9",
    ]
    .concat()
}

/// Uploads `image` as somebody new and returns what the bucket serves then.
async fn served(api: &Api, upload: Vec<u8>) -> Response {
    let (_, token) = api.member().await;
    let response = api.upload(&token, upload).await;
    assert_eq!(response.status, 200, "{}", response.text());
    api.avatar(&response.json()).await
}

async fn avatar_of(api: &Api, upload: Vec<u8>) -> DynamicImage {
    let served = served(api, upload).await;
    image::load_from_memory_with_format(&served.body, ImageFormat::WebP).unwrap()
}

#[track_caller]
fn assert_color(image: &DynamicImage, (x, y): (u32, u32), expected: [u8; 3]) {
    let Rgb(actual) = *image.to_rgb8().get_pixel(x, y);
    let close = actual
        .iter()
        .zip(expected)
        .all(|(a, b)| a.abs_diff(b) <= 12);
    assert!(close, "({x}, {y}) is {actual:?} and not {expected:?}");
}

#[tokio::test]
async fn is_served_as_small_webp_for_caches_to_keep() {
    let api = Api::start().await;

    let response = served(&api, jpeg(&photograph(1600, 1200))).await;

    assert_eq!(response.status, 200);
    assert_eq!(response.header("content-type"), Some("image/webp"));
    assert_eq!(
        response.header("cache-control"),
        Some("public, max-age=31536000, immutable")
    );
    assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
    let avatar = image::load_from_memory_with_format(&response.body, ImageFormat::WebP).unwrap();
    assert_eq!((avatar.width(), avatar.height()), (512, 384));
}

#[tokio::test]
async fn a_photograph_takes_less_than_80_kilobytes() {
    let api = Api::start().await;

    let response = served(&api, jpeg(&photograph(512, 512))).await;

    assert!(
        response.body.len() < 80_000,
        "{} bytes",
        response.body.len()
    );
}

#[tokio::test]
async fn has_an_absolute_url_below_the_account() {
    let api = Api::start().await;
    let (_, token) = api.member().await;

    let profile = api.upload(&token, jpeg(&photograph(64, 64))).await.json();

    let url = reqwest::Url::parse(profile["avatar"].as_str().unwrap()).unwrap();
    let path: Vec<&str> = url.path_segments().unwrap().collect();
    let [folder, owner, file] = path[..] else {
        panic!("{url}")
    };
    let bits = file.strip_suffix(".webp").unwrap();
    assert_eq!(
        (folder, owner),
        ("avatars", profile["uuid"].as_str().unwrap())
    );
    assert_eq!(bits.len(), 32);
    assert!(bits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert_eq!(api.get_profile(&token).await.json(), profile);
}

#[tokio::test]
async fn every_format_is_taken_for_what_its_bytes_say() {
    let api = Api::start().await;
    let image = RgbImage::from_pixel(40, 20, Rgb([200, 60, 20]));
    for format in [
        ImageFormat::Jpeg,
        ImageFormat::Png,
        ImageFormat::WebP,
        ImageFormat::Gif,
    ] {
        let (_, token) = api.member().await;
        // Neither name nor type are true.
        let file = multipart::Part::bytes(encoded(image.clone(), format))
            .file_name("../../etc/passwd.svg")
            .mime_str("text/html")
            .unwrap();

        let response = send(
            api.update(&token)
                .multipart(multipart::Form::new().part("avatar", file)),
        )
        .await;

        let served = api.avatar(&response.json()).await;
        let avatar = image::load_from_memory_with_format(&served.body, ImageFormat::WebP).unwrap();
        assert_eq!((avatar.width(), avatar.height()), (40, 20), "{format:?}");
        assert_color(&avatar, (20, 10), [200, 60, 20]);
    }
}

#[tokio::test]
async fn every_kind_of_pixel_is_taken() {
    let api = Api::start().await;
    let gray = DynamicImage::from(image::GrayImage::from_pixel(16, 16, Luma([90])));
    let rgb = DynamicImage::from(RgbImage::from_pixel(16, 16, Rgb([90, 90, 90])));
    for (case, upload) in [
        ("gray JPEG", encoded(gray.clone(), ImageFormat::Jpeg)),
        ("gray PNG", encoded(gray.clone(), ImageFormat::Png)),
        (
            "gray PNG with alpha",
            encoded(gray.to_luma_alpha8(), ImageFormat::Png),
        ),
        (
            "16-bit gray PNG",
            encoded(gray.to_luma16(), ImageFormat::Png),
        ),
        ("16-bit PNG", encoded(rgb.to_rgb16(), ImageFormat::Png)),
        (
            "16-bit PNG with alpha",
            encoded(rgb.to_rgba16(), ImageFormat::Png),
        ),
    ] {
        let avatar = avatar_of(&api, upload).await;

        assert_eq!((avatar.width(), avatar.height()), (16, 16), "{case}");
        assert_color(&avatar, (8, 8), [90, 90, 90]);
    }
}

#[tokio::test]
async fn transparency_survives() {
    let api = Api::start().await;
    let image = RgbaImage::from_fn(1024, 1024, |x, _| {
        Rgba([10, 200, 30, if x < 512 { 255 } else { 0 }])
    });

    let avatar = avatar_of(&api, encoded(image, ImageFormat::Png))
        .await
        .to_rgba8();

    assert_eq!(avatar.get_pixel(100, 256).0[3], 255);
    assert_eq!(avatar.get_pixel(400, 256).0[3], 0);
}

#[tokio::test]
async fn a_jpeg_for_print_is_taken() {
    let api = Api::start().await;

    let avatar = avatar_of(&api, cmyk_jpeg()).await;

    assert_eq!((avatar.width(), avatar.height()), (8, 8));
    assert_color(&avatar, (4, 4), [204, 25, 25]);
}

#[tokio::test]
async fn of_an_animation_the_first_frame_is_taken() {
    let api = Api::start().await;
    let frames = || {
        [[220, 30, 30, 255], [30, 30, 220, 255]]
            .map(|color| RgbaImage::from_pixel(32, 32, Rgba(color)))
    };
    let mut gif = Vec::new();
    let delay = Delay::from_numer_denom_ms(100, 1);
    GifEncoder::new(&mut gif)
        .encode_frames(frames().map(|frame| Frame::from_parts(frame, 0, 0, delay)))
        .unwrap();
    for (case, upload) in [
        ("GIF", gif),
        ("PNG", animated_png(frames())),
        ("WebP", animated_webp(frames())),
    ] {
        let avatar = avatar_of(&api, upload).await;

        assert_eq!((avatar.width(), avatar.height()), (32, 32), "{case}");
        assert_color(&avatar, (16, 16), [220, 30, 30]);
    }
}

#[tokio::test]
async fn nothing_but_the_picture_of_a_file_is_stored() {
    const SCRIPT: &[u8] = b"<script>alert(1)</script><?php phpinfo();PK\x03\x04";
    let api = Api::start().await;
    let image = photograph(64, 64);
    let png = encoded(image.clone(), ImageFormat::Png);
    let (before, pixels, after) = png_parts(&png);
    let comment = [&b"Comment\0"[..], SCRIPT].concat();
    let text = png_chunk(b"tEXt", &comment);
    let length = u16::try_from(SCRIPT.len() + 2).unwrap().to_be_bytes();
    let photo = jpeg(&image);
    for upload in [
        [&photo, SCRIPT].concat(),
        [&photo[..2], b"\xff\xfe", &length, SCRIPT, &photo[2..]].concat(),
        [before, &text, &png_chunk(b"IDAT", pixels), after].concat(),
        [&encoded(image.clone(), ImageFormat::Gif), SCRIPT].concat(),
        [&encoded(image.clone(), ImageFormat::WebP), SCRIPT].concat(),
    ] {
        let avatar = served(&api, upload).await.body;

        assert!(!avatar.windows(8).any(|window| SCRIPT.starts_with(window)));
    }
}

#[tokio::test]
async fn metadata_of_any_size_does_no_harm() {
    let api = Api::start().await;
    let photo = jpeg(&photograph(64, 64));
    let segment = [&b"\xff\xe1\xff\xffExif\0\0"[..], &[0; 65_527]].concat();
    let exif = [&photo[..2], &segment.repeat(60), &photo[2..]].concat();
    // Twice as much as is read of it, in a thousandth of the bytes.
    let mut profile = Vec::new();
    let mut encoder = PngEncoder::new(&mut profile);
    encoder.set_icc_profile(vec![0; 128 << 20]).unwrap();
    encoder
        .write_image(&[90; 16 * 16 * 3], 16, 16, ExtendedColorType::Rgb8)
        .unwrap();
    assert!(exif.len() > 3_900_000 && profile.len() < 200_000);
    let (_, token) = api.member().await;

    let exif = api.upload(&token, exif).await;
    let profile = api.upload(&token, profile).await;

    assert_eq!(exif.status, 200);
    assert_eq!(profile.status, 200);
}

#[tokio::test]
async fn stands_upright_in_every_orientation() {
    const RED: [u8; 3] = [230, 20, 20];
    const GREEN: [u8; 3] = [20, 200, 20];
    const BLUE: [u8; 3] = [20, 20, 230];
    const WHITE: [u8; 3] = [240, 240, 240];
    let api = Api::start().await;
    let stored = RgbImage::from_fn(80, 40, |x, y| match (x < 40, y < 20) {
        (true, true) => Rgb(RED),
        (false, true) => Rgb(GREEN),
        (true, false) => Rgb(BLUE),
        (false, false) => Rgb(WHITE),
    });
    // What is at the top left, top right, bottom left and bottom right once it stands upright
    // (EXIF 2.32, section 4.6.4).
    for (orientation, size, corners) in [
        (1, (80, 40), [RED, GREEN, BLUE, WHITE]),
        (2, (80, 40), [GREEN, RED, WHITE, BLUE]),
        (3, (80, 40), [WHITE, BLUE, GREEN, RED]),
        (4, (80, 40), [BLUE, WHITE, RED, GREEN]),
        (5, (40, 80), [RED, BLUE, GREEN, WHITE]),
        (6, (40, 80), [BLUE, RED, WHITE, GREEN]),
        (7, (40, 80), [WHITE, GREEN, BLUE, RED]),
        (8, (40, 80), [GREEN, WHITE, RED, BLUE]),
    ] {
        let avatar = avatar_of(&api, with_exif(&jpeg(&stored), orientation)).await;

        let (width, height) = (avatar.width(), avatar.height());
        assert_eq!((width, height), size, "{orientation}");
        let (left, right, top, bottom) = (width / 4, width * 3 / 4, height / 4, height * 3 / 4);
        for (corner, color) in [(left, top), (right, top), (left, bottom), (right, bottom)]
            .into_iter()
            .zip(corners)
        {
            assert_color(&avatar, corner, color);
        }
    }
}

#[tokio::test]
async fn holds_no_metadata() {
    let api = Api::start().await;

    let webp = served(&api, with_exif(&jpeg(&photograph(64, 64)), 6))
        .await
        .body;

    // RIFF: a header of 12 bytes, then chunks of name, length and data padded to an even length.
    let mut chunks = Vec::new();
    let mut rest = &webp[12..];
    while let Some((head, data)) = rest.split_at_checked(8) {
        chunks.push(String::from_utf8_lossy(&head[..4]).into_owned());
        let length = u32::from_le_bytes(head[4..].try_into().unwrap()) as usize;
        rest = data.get(length + length % 2..).unwrap_or_default();
    }
    assert_eq!(chunks, ["VP8 "]);
    assert!(!webp.windows(4).any(|window| window == b"GPS:"));
}

#[tokio::test]
async fn a_new_one_gets_a_new_name_and_the_old_one_goes() {
    let Some(api) = Api::fresh().await else {
        return;
    };
    let (_, token) = api.member().await;
    let upload = jpeg(&photograph(64, 64));
    let first = api.upload(&token, upload.clone()).await.json();

    let second = api.upload(&token, upload).await.json();

    assert_ne!(first["avatar"], second["avatar"]);
    api.avatar(&first).await.assert_detail(404, "Not found.");
    assert_eq!(api.avatar(&second).await.status, 200);
    assert_eq!(api.stored().avatars().await.len(), 1);
}

#[tokio::test]
async fn null_or_an_empty_text_of_a_form_removes_it() {
    let Some(api) = Api::fresh().await else {
        return;
    };
    let (_, token) = api.member().await;
    for request in [
        api.update(&token).json(&json!({ "avatar": null })),
        api.update(&token).form(&[("avatar", "")]),
        api.update(&token)
            .multipart(multipart::Form::new().text("avatar", "")),
    ] {
        api.upload(&token, jpeg(&photograph(64, 64))).await;

        let response = send(request).await;

        assert_eq!(
            (response.status, &response.json()["avatar"]),
            (200, &Value::Null)
        );
        assert_eq!(api.stored().avatars().await, [""; 0]);
    }
}

#[tokio::test]
async fn a_form_without_a_chosen_file_leaves_it() {
    let api = Api::start().await;
    let (_, token) = api.member().await;
    let before = api.upload(&token, jpeg(&photograph(64, 64))).await.json();
    let no_file = multipart::Part::bytes(Vec::new()).file_name("");
    let form = multipart::Form::new()
        .text("first_name", "Ada")
        .part("avatar", no_file);

    let after = send(api.update(&token).multipart(form)).await.json();

    assert_eq!(after["avatar"], before["avatar"]);
    assert_eq!(after["first_name"], "Ada");
}

#[tokio::test]
async fn other_updates_leave_it() {
    let api = Api::start().await;
    let (_, token) = api.member().await;
    let before = api.upload(&token, jpeg(&photograph(64, 64))).await.json();

    let after = api
        .update_profile(&token, &json!({ "first_name": "Ada" }))
        .await
        .json();

    assert_eq!(after["avatar"], before["avatar"]);
    assert_eq!(api.avatar(&after).await.status, 200);
}

#[tokio::test]
async fn what_is_no_image_is_refused_and_changes_nothing() {
    let api = Api::start().await;
    let (_, token) = api.member().await;
    let before = api.get_profile(&token).await;
    let photo = jpeg(&photograph(200, 200));
    let png = encoded(photograph(200, 200), ImageFormat::Png);
    let cut = |bytes: &[u8]| bytes[..bytes.len() / 2].to_vec();
    let mut bmp = b"BM".to_vec();
    bmp.extend([0; 100]);
    for (case, upload, message) in [
        ("nothing", Vec::new(), EMPTY),
        ("text", b"hello".to_vec(), NOT_AN_IMAGE),
        (
            "SVG",
            b"<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>".to_vec(),
            NOT_AN_IMAGE,
        ),
        (
            "HTML after a GIF's header",
            b"GIF89a\x01\0\x01\0\0\0\0<script>alert(1)</script>".to_vec(),
            NOT_AN_IMAGE,
        ),
        ("BMP", bmp, NOT_AN_IMAGE),
        ("TIFF", b"II*\0\x08\0\0\0\0\0".to_vec(), NOT_AN_IMAGE),
        ("half a JPEG", cut(&photo), NOT_AN_IMAGE),
        (
            "a JPEG without its last byte",
            photo[..photo.len() - 1].to_vec(),
            NOT_AN_IMAGE,
        ),
        (
            "half a JPEG with EXIF",
            cut(&with_exif(&photo, 1)),
            NOT_AN_IMAGE,
        ),
        ("half a PNG", cut(&png), NOT_AN_IMAGE),
        (
            "half a WebP",
            cut(&encoded(photograph(200, 200), ImageFormat::WebP)),
            NOT_AN_IMAGE,
        ),
        (
            "half a GIF",
            cut(&encoded(photograph(200, 200), ImageFormat::Gif)),
            NOT_AN_IMAGE,
        ),
        (
            "magic bytes of a PNG alone",
            png[..8].to_vec(),
            NOT_AN_IMAGE,
        ),
        (
            "a PNG of 60,000 x 60,000",
            png_header(60_000, 60_000),
            TOO_MANY_PIXELS,
        ),
        ("a PNG of 8,193 x 1", png_header(8_193, 1), TOO_MANY_PIXELS),
        (
            "a PNG of 8,192 x 8,192",
            png_header(8_192, 8_192),
            TOO_MANY_PIXELS,
        ),
    ] {
        let response = api.upload(&token, upload).await;

        assert_eq!(
            (response.status, response.json()),
            (400, json!({ "avatar": [message] })),
            "{case}"
        );
    }
    api.get_profile(&token).await.assert(200, before.text());
}

#[tokio::test]
async fn a_file_may_have_four_mebibytes_and_no_byte_more() {
    let api = Api::start().await;
    let (_, token) = api.member().await;
    let mut upload = encoded(photograph(64, 64), ImageFormat::Png);
    upload.resize(MAX_BYTES, 0);
    assert_eq!(api.upload(&token, upload.clone()).await.status, 200);

    upload.push(0);

    api.upload(&token, upload)
        .await
        .assert_field("avatar", TOO_LARGE);
}

#[tokio::test]
async fn what_is_no_file_is_refused() {
    let api = Api::start().await;
    let (_, token) = api.member().await;
    for request in [
        api.update(&token)
            .json(&json!({ "avatar": "https://example.com/me.jpg" })),
        api.update(&token).json(&json!({ "avatar": "" })),
        api.update(&token).json(&json!({ "avatar": 1 })),
        api.update(&token).json(&json!({ "avatar": {} })),
        api.update(&token).form(&[("avatar", "me.jpg")]),
        api.update(&token)
            .multipart(multipart::Form::new().text("avatar", "me.jpg")),
    ] {
        send(request).await.assert_field("avatar", NOT_A_FILE);
    }
    let name = multipart::Part::bytes(b"Ada".to_vec()).file_name("name.txt");
    let form = multipart::Form::new().part("first_name", name);
    send(api.update(&token).multipart(form))
        .await
        .assert_field("first_name", "Not a valid string.");
}

#[tokio::test]
async fn a_wrong_name_beside_it_keeps_it_from_being_stored() {
    let Some(api) = Api::fresh().await else {
        return;
    };
    let (_, token) = api.member().await;
    let file = multipart::Part::bytes(jpeg(&photograph(64, 64))).file_name("me.jpg");
    let form = multipart::Form::new()
        .text("first_name", "A\u{7}da")
        .part("avatar", file);

    let response = send(api.update(&token).multipart(form)).await;

    response.assert_field("first_name", "Control characters are not allowed.");
    assert_eq!(api.stored().avatars().await, [""; 0]);
}

#[tokio::test]
async fn that_of_an_account_that_is_gone_is_not_kept() {
    let Some(api) = Api::fresh().await else {
        return;
    };
    let (_, token) = api.member().await;
    api.stored().clear("USERS_TABLE", "uuid").await;

    let response = api.upload(&token, jpeg(&photograph(64, 64))).await;

    response.assert_unauthenticated("Invalid signature.");
    assert_eq!(api.stored().avatars().await, [""; 0]);
    assert_eq!(api.stored().items("USERS_TABLE").await, []);
}

#[tokio::test]
async fn a_file_beats_a_text_of_the_same_name() {
    let api = Api::start().await;
    let (_, token) = api.member().await;
    let file = || multipart::Part::bytes(jpeg(&photograph(64, 64))).file_name("me.jpg");
    for form in [
        multipart::Form::new()
            .text("avatar", "")
            .part("avatar", file()),
        multipart::Form::new()
            .part("avatar", file())
            .text("avatar", ""),
    ] {
        let response = send(api.update(&token).multipart(form)).await;

        assert!(response.json()["avatar"].is_string(), "{}", response.text());
    }
}

#[tokio::test]
async fn nothing_but_avatars_is_served() {
    let api = Api::start().await;
    let (_, token) = api.member().await;
    let profile = api.upload(&token, jpeg(&photograph(64, 64))).await.json();
    let path = reqwest::Url::parse(profile["avatar"].as_str().unwrap())
        .unwrap()
        .path()
        .to_owned();

    for (method, path) in [
        (Method::DELETE, path.clone()),
        (Method::PUT, path.clone()),
        (Method::GET, path.replace(".webp", ".webp/")),
        (Method::GET, path.replace("/avatars/", "/avatars//")),
        (Method::GET, "/avatars/..%2fversion".to_owned()),
    ] {
        let response = send(api.request(method.clone(), &path)).await;

        assert_eq!(response.status, 404, "{method} {path}");
    }
    assert_eq!(api.avatar(&profile).await.status, 200);
}
