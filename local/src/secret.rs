use anyhow::anyhow;

/// Returns `BYTES` random bytes in hexadecimal.
///
/// # Errors
///
/// Fails if the operating system has none.
pub fn random_hex<const BYTES: usize>() -> anyhow::Result<String> {
    let mut random = [0_u8; BYTES];
    getrandom::fill(&mut random).map_err(|error| anyhow!("no random bytes: {error}"))?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}
