//! Reads `multipart/form-data` (RFC 7578) from a complete body, as Django does. The crates that read
//! it from a stream refuse folded headers, parts without headers and boundaries without quotes, and
//! decode no transfer encoding.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use memchr::memmem;

use super::{Fields, Value, header::Header};
use crate::http::ApiError;

/// Maximum size of a part's headers, in bytes.
const MAX_HEAD_BYTES: usize = 8 << 10;

/// Maximum number of characters of a boundary. RFC 2046 allows 70, Django this many.
const MAX_BOUNDARY_CHARS: usize = 201;

/// Reads the parts of a form whose `Content-Type` is `content_type`.
pub(super) fn read(body: &[u8], content_type: &Header<'_>) -> Result<Fields, ApiError> {
    parse(body, content_type).map_err(|error| ApiError::MalformedMultipart(error.to_string()))
}

fn parse(body: &[u8], content_type: &Header<'_>) -> Result<Fields, MultipartError> {
    let boundary = content_type
        .parameter("boundary")
        .filter(|boundary| is_boundary(boundary))
        .ok_or(MultipartError::Boundary)?;
    let mut fields = Fields::new();
    let mut files = Fields::new();
    for raw in split(body, boundary)? {
        let Some(part) = Part::parse(raw)? else {
            continue;
        };
        let Some(name) = part.name()? else {
            continue;
        };
        match part.value()? {
            // A file input without a chosen file must not replace another value of its name.
            None => {
                fields.entry(name).or_insert(None);
            }
            Some(file @ Value::File(_)) => {
                files.insert(name, Some(file));
            }
            Some(text) => {
                fields.insert(name, Some(text));
            }
        }
    }
    // A file takes precedence over a text of the same name, wherever it is.
    fields.append(&mut files);
    Ok(fields)
}

/// Returns whether `boundary` is printable ASCII that does not end in a space.
fn is_boundary(boundary: &[u8]) -> bool {
    (1..=MAX_BOUNDARY_CHARS).contains(&boundary.len())
        && boundary.iter().all(|byte| matches!(byte, b' '..=b'~'))
        && !boundary.ends_with(b" ")
}

/// Splits `body` at its lines of `--boundary` (RFC 2046, section 5.1.1).
///
/// Leaves out the text before the first of them and after the closing one, `--boundary--`.
fn split<'a>(body: &'a [u8], boundary: &[u8]) -> Result<Vec<&'a [u8]>, MultipartError> {
    let delimiter = [b"--", boundary].concat();
    let mut parts = Vec::new();
    let mut start = None;
    for at in memmem::find_iter(body, &delimiter) {
        // The line break before a delimiter belongs to it and not to the part.
        let end = match body[..at].strip_suffix(b"\r\n") {
            Some(part) => part.len(),
            None if at == 0 => 0,
            None => continue,
        };
        let after = &body[at + delimiter.len()..];
        let is_closing = after.starts_with(b"--");
        let padding = after
            .iter()
            .take_while(|&byte| b" \t".contains(byte))
            .count();
        if !is_closing && !after[padding..].starts_with(b"\r\n") {
            continue;
        }
        if let Some(start) = start {
            // A part of no bytes shares its line break with the delimiter before it.
            parts.push(body.get(start..end).unwrap_or_default());
        }
        if is_closing {
            return Ok(parts);
        }
        start = Some(at + delimiter.len() + padding + 2);
    }
    Err(MultipartError::Incomplete)
}

/// A part of a form.
struct Part<'a> {
    /// By name in lower case. Of several with one name the last one counts.
    headers: BTreeMap<Vec<u8>, Vec<u8>>,
    content: &'a [u8],
}

impl<'a> Part<'a> {
    /// Reads the headers of `raw`. Returns `None` if it has none.
    fn parse(raw: &'a [u8]) -> Result<Option<Self>, MultipartError> {
        if raw.starts_with(b"\r\n") {
            return Ok(None);
        }
        let head = &raw[..raw.len().min(MAX_HEAD_BYTES)];
        match memmem::find(head, b"\r\n\r\n") {
            Some(end) => Ok(Some(Self {
                headers: unfold(&head[..end])
                    .iter()
                    .filter_map(|line| header(line))
                    .collect(),
                content: &raw[end + 4..],
            })),
            None if head.len() < raw.len() => Err(MultipartError::Head),
            None => Ok(None),
        }
    }

    fn header(&self, name: &str) -> Header<'_> {
        Header::parse(self.headers.get(name.as_bytes()).map_or(b"", Vec::as_slice))
    }

    /// Returns the field's name, or `None` if it is missing or empty.
    fn name(&self) -> Result<Option<String>, MultipartError> {
        let disposition = self.header("content-disposition");
        let name = disposition.parameter("name").unwrap_or_default();
        let name = str::from_utf8(name)
            .map_err(|_| MultipartError::NotUtf8)?
            .trim();
        Ok((!name.is_empty()).then(|| name.to_owned()))
    }

    /// Returns the field's value, or `None` for a file input without a chosen file.
    fn value(&self) -> Result<Option<Value>, MultipartError> {
        let disposition = self.header("content-disposition");
        let file_name = disposition.parameter("filename");
        if file_name.is_some_and(<[u8]>::is_empty) {
            return Ok(None);
        }
        if !self.header("content-type").is_utf8() {
            return Err(MultipartError::Charset);
        }
        let bytes = self.decode()?;
        if file_name.is_some() {
            return Ok(Some(Value::File(bytes)));
        }
        let text = str::from_utf8(&bytes).map_err(|_| MultipartError::NotUtf8)?;
        Ok(Some(Value::FormText(text.to_owned())))
    }

    /// Decodes the content as `Content-Transfer-Encoding` says.
    fn decode(&self) -> Result<Bytes, MultipartError> {
        match self.header("content-transfer-encoding").value().as_slice() {
            b"" | b"binary" | b"8bit" | b"7bit" => Ok(Bytes::copy_from_slice(self.content)),
            b"base64" => {
                let mut encoded = self.content.to_vec();
                encoded.retain(|byte| !byte.is_ascii_whitespace());
                let decoded = STANDARD
                    .decode(encoded)
                    .map_err(|_| MultipartError::Base64)?;
                Ok(decoded.into())
            }
            _ => Err(MultipartError::TransferEncoding),
        }
    }
}

/// Returns the lines of `head`, each with those that continue it, which begin with white space.
fn unfold(head: &[u8]) -> Vec<Vec<u8>> {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    let mut rest = Some(head);
    while let Some(head) = rest {
        let (line, after) = match memmem::find(head, b"\r\n") {
            Some(end) => (&head[..end], Some(&head[end + 2..])),
            None => (head, None),
        };
        match lines.last_mut() {
            Some(folded) if line.starts_with(b" ") || line.starts_with(b"\t") => {
                folded.extend(line)
            }
            _ => lines.push(line.to_vec()),
        }
        rest = after;
    }
    lines
}

/// Returns the name, in lower case, and the value of the header in `line`, if it holds one.
fn header(line: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let colon = line.iter().position(|&byte| byte == b':')?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    Some((name.trim_ascii().to_ascii_lowercase(), value.to_vec()))
}

/// Why a form cannot be read. `Display` is the reason that the client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum MultipartError {
    /// The boundary is missing, empty, too long or not printable.
    #[error("Invalid boundary in Content-Type.")]
    Boundary,
    /// The closing delimiter is missing.
    #[error("The form is incomplete.")]
    Incomplete,
    /// The headers of a part exceed [`MAX_HEAD_BYTES`].
    #[error("The headers of a part are too large.")]
    Head,
    /// A part is in another charset.
    #[error("Unsupported charset in a part.")]
    Charset,
    /// A part has another `Content-Transfer-Encoding`.
    #[error("Unsupported Content-Transfer-Encoding in a part.")]
    TransferEncoding,
    /// A part is not the base64 that it claims to be.
    #[error("Could not decode base64 data.")]
    Base64,
    /// A field's name or text is not UTF-8.
    #[error("A field is not UTF-8.")]
    NotUtf8,
}

#[cfg(test)]
mod tests;
