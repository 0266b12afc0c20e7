//! Uploads every file in a folder as an avatar, and after them the largest pictures that are let in.
//!
//! It prints what came of each, how long it took and how much memory the process had at most since
//! the one before, the engines included. It fails if an answer is none of the documented ones, or if
//! that was more memory than the function has.

use std::{
    env, fs,
    io::Cursor,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use image::{ColorType, DynamicImage, ImageFormat};
use local::{Engines, LOOPBACK, Settings, Stack, Storage};
use reqwest::{Client, multipart};
use serde_json::{Value, json};

/// `MemorySize` of the function in the template.
const MAX_MEMORY_MIB: u64 = 1_769;

/// Most bytes of an avatar.
const MAX_BYTES: usize = 4 << 20;

/// The largest sides of a picture that is let in: 50 megapixels.
const SIDES: (u32, u32) = (8_192, 6_103);

/// The kinds of pictures that are made that large.
const LARGEST: [(ColorType, ImageFormat); 9] = [
    (ColorType::L8, ImageFormat::Png),
    (ColorType::Rgb8, ImageFormat::Png),
    (ColorType::Rgb16, ImageFormat::Png),
    (ColorType::Rgba16, ImageFormat::Png),
    (ColorType::L8, ImageFormat::Jpeg),
    (ColorType::Rgb8, ImageFormat::Jpeg),
    (ColorType::Rgba8, ImageFormat::Gif),
    (ColorType::Rgb8, ImageFormat::WebP),
    (ColorType::Rgba8, ImageFormat::WebP),
];

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut files = Vec::new();
    for folder in env::args_os().skip(1) {
        find(Path::new(&folder), &mut files)?;
    }
    files.sort();
    let objects = tempfile::tempdir()?;
    let engines = Engines::start(LOOPBACK, &Storage::Memory(objects.path().to_owned())).await?;
    let settings = Settings {
        address: (LOOPBACK, 0).into(),
        name: "uploads".to_owned(),
        jwt_secret: "a secret of 32 bytes or even more".to_owned(),
        variables: Vec::new(),
    };
    let stack = Stack::start(&engines.aws(), settings).await?;
    let api = Api::log_in(stack.base_url()).await?;

    let (mut taken, mut refused) = (0, 0);
    let (mut longest, mut peak) = (Duration::ZERO, 0);
    let files = files.into_iter().map(|file| {
        let bytes = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        Ok((file.display().to_string(), bytes))
    });
    let largest = LARGEST
        .iter()
        .map(|&(color, format)| largest(color, format));
    for upload in files.chain(largest) {
        let (name, bytes) = upload?;
        // The gateway refuses a file that no event can hold.
        if bytes.len() > MAX_BYTES {
            continue;
        }
        reset_peak()?;
        let started = Instant::now();
        let (status, answer) = api.upload(bytes).await?;
        let (time, memory) = (started.elapsed(), peak_mib()?);
        match (status, &answer["avatar"]) {
            (200, Value::String(_)) => taken += 1,
            (400, Value::Array(_)) => refused += 1,
            _ => anyhow::bail!("{name}: {status} {answer}"),
        }
        println!(
            "{status} {:6.2} s {memory:5} MiB {name}",
            time.as_secs_f32()
        );
        longest = longest.max(time);
        peak = peak.max(memory);
    }
    println!("{taken} taken, {refused} refused; at most {longest:.2?} and {peak} MiB");
    ensure!(
        peak < MAX_MEMORY_MIB,
        "that is more memory than the function has"
    );
    Ok(())
}

/// Adds the files in `folder`, and in those in it, to `files`.
fn find(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        match path.is_dir() {
            true => find(&path, files)?,
            false => files.push(path),
        }
    }
    Ok(())
}

/// A picture as large as is let in, in a file as small as can be.
fn largest(color: ColorType, format: ImageFormat) -> anyhow::Result<(String, Vec<u8>)> {
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::new(SIDES.0, SIDES.1, color).write_to(&mut bytes, format)?;
    let name = format!("({format:?} of {color:?}, 50 megapixels)");
    Ok((name, bytes.into_inner()))
}

/// The API, to somebody who is logged in.
struct Api {
    http: Client,
    base_url: String,
    token: String,
}

impl Api {
    async fn log_in(base_url: String) -> anyhow::Result<Self> {
        let http = support::http();
        let post = async |path: &str, body: Value| {
            let request = http.post(format!("{base_url}{path}")).json(&body);
            anyhow::Ok(request.send().await?.json::<Value>().await?)
        };
        post(
            "/create_user/",
            json!({ "email": "test@test.com", "password": "12345" }),
        )
        .await?;
        let answer = post(
            "/obtain_token/",
            json!({ "login": "test@test.com", "password": "12345" }),
        )
        .await?;
        let token = answer["token"]
            .as_str()
            .context("there is no token")?
            .to_owned();
        Ok(Self {
            http,
            base_url,
            token,
        })
    }

    async fn upload(&self, bytes: Vec<u8>) -> anyhow::Result<(u16, Value)> {
        let file = multipart::Part::bytes(bytes).file_name("avatar");
        let request = self
            .http
            .put(format!("{}/update_profile/", self.base_url))
            .header("Authorization", format!("JWT {}", self.token))
            .multipart(multipart::Form::new().part("avatar", file));
        let response = request.send().await?;
        Ok((response.status().as_u16(), response.json().await?))
    }
}

/// Forgets how much memory this process had at most (`proc_pid_clear_refs(5)`).
fn reset_peak() -> anyhow::Result<()> {
    fs::write("/proc/self/clear_refs", "5").context("this needs Linux")
}

/// How much memory this process has had at most since then (`proc_pid_status(5)`).
fn peak_mib() -> anyhow::Result<u64> {
    let status = fs::read_to_string("/proc/self/status").context("this needs Linux")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line
        .and_then(|line| line.trim().strip_suffix(" kB"))
        .context("there is no VmHWM")?;
    Ok(kib.parse::<u64>()? / 1_024)
}
