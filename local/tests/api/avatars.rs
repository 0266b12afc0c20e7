//! The avatar of a profile, from the upload to the file that a browser gets.

use image::{
    Delay, DynamicImage, ExtendedColorType, Frame, ImageEncoder as _, ImageFormat, Luma, Rgb,
    RgbImage, Rgba, RgbaImage,
    codecs::{gif::GifEncoder, png::PngEncoder},
};
use reqwest::{Method, multipart};
use serde_json::json;

use support::{
    Api, Response,
    pictures::{
        animated_png, animated_webp, cmyk_jpeg, encoded, jpeg, photograph, png_chunk, png_header,
        png_parts, with_exif,
    },
    send,
};

const NOT_AN_IMAGE: &str =
    "Upload a valid image. The file you uploaded was either not an image or a corrupted image.";
const NOT_A_FILE: &str = "The submitted data was not a file. Check the encoding type on the form.";
const EMPTY: &str = "The submitted file is empty.";
const TOO_LARGE: &str = "Ensure this file is no larger than 4 MiB.";
const TOO_MANY_PIXELS: &str =
    "Ensure this image is no larger than 8192x8192 pixels and 50 megapixels.";

const MAX_BYTES: usize = 4 << 20;

/// Uploads a file as a new person and returns the avatar as a browser gets it.
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
        // Both the name and the content type are wrong.
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
    // A decompression bomb: twice as many bytes as the service inflates, in a thousandth of them.
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
    // The colors of the upright picture: top left, top right, bottom left, bottom right (EXIF 2.32,
    // section 4.6.4).
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
