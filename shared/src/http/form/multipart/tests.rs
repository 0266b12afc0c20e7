use super::*;

/// Reads a form whose boundary is `b`.
fn fields(body: &[u8]) -> Result<Fields, MultipartError> {
    parse(body, &Header::parse(b"multipart/form-data; boundary=b"))
}

/// Reads a form of one part with the headers `head`.
fn part(head: &[u8], content: &[u8]) -> Result<Fields, MultipartError> {
    fields(&[b"--b\r\n", head, b"\r\n\r\n", content, b"\r\n--b--\r\n"].concat())
}

/// Describes a text, a file and a file input without a chosen file, each in its own way.
fn shown(fields: &Fields) -> Vec<(&str, String)> {
    let shown = |value: &Option<Value>| match value {
        Some(Value::FormText(text)) => format!("text {text}"),
        Some(Value::File(bytes)) => format!("file {}", bytes.escape_ascii()),
        Some(_) => "neither a text nor a file".to_owned(),
        None => "nothing".to_owned(),
    };
    fields
        .iter()
        .map(|(name, value)| (name.as_str(), shown(value)))
        .collect()
}

#[test]
fn a_boundary_needs_no_quotes() {
    for (parameter, boundary) in [
        ("boundary=b", "b"),
        ("boundary=\"b\"", "b"),
        ("Boundary=b", "b"),
        ("BOUNDARY=b; charset=utf-8", "b"),
        ("charset=utf-8;;boundary \t=\t b ;", "b"),
        (
            "boundary=-XrQHxml_qhW/dc2hip09LUML",
            "-XrQHxml_qhW/dc2hip09LUML",
        ),
        ("boundary=yradnuoB=_001.x", "yradnuoB=_001.x"),
        ("boundary=a:b", "a:b"),
        ("boundary=a?b", "a?b"),
        ("boundary=a(b)", "a(b)"),
        ("boundary=a,b", "a,b"),
        ("boundary=a b", "a b"),
        ("boundary='()+_,-./:=?", "'()+_,-./:=?"),
        ("boundary=\"'()+_,-./:=? x\"", "'()+_,-./:=? x"),
        ("boundary=\"a;b\"", "a;b"),
        ("boundary=-", "-"),
    ] {
        let content_type = format!("multipart/form-data; {parameter}");
        let body = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n--{boundary}--"
        );

        let fields = parse(body.as_bytes(), &Header::parse(content_type.as_bytes()));

        assert_eq!(
            shown(&fields.unwrap()),
            [("a", "text x".to_owned())],
            "{parameter}"
        );
    }
}

#[test]
fn another_boundary_is_refused() {
    let long = format!("; boundary={}", "b".repeat(202));
    for parameter in [
        "",
        "; boundary",
        "; boundary=",
        "; boundary=\"b \"",
        "; boundary=ж",
        &long,
    ] {
        let content_type = format!("multipart/form-data{parameter}");

        let fields = parse(b"--b--", &Header::parse(content_type.as_bytes()));

        assert!(
            matches!(fields, Err(MultipartError::Boundary)),
            "{parameter}"
        );
    }
}

#[test]
fn a_part_is_read_by_the_parameters_of_its_disposition() {
    for (parameters, name, value) in [
        (r#"; name="a""#, "a", "text x"),
        (r#";name=a"#, "a", "text x"),
        (r#"; Name="a""#, "a", "text x"),
        (r#"; NAME=first_name"#, "first_name", "text x"),
        (" \t; \tname\t = \t\"a\" ", "a", "text x"),
        (r#";;; name="a";"#, "a", "text x"),
        (r#"; name*=utf-8''%D1%8F"#, "я", "text x"),
        (r#"; name="я""#, "я", "text x"),
        (";\r\n name=\"a\"", "a", "text x"),
        (";\r\n\tname=\"a\";\r\n filename=b", "a", "file x"),
        (r#"; name="a"; filename="b.png""#, "a", "file x"),
        (r#"; filename="b.png"; name="a""#, "a", "file x"),
        (r#"; name="a"; filename=b.png"#, "a", "file x"),
        (r#"; name="a"; FileName="b.png""#, "a", "file x"),
        (r#"; name="a"; filename*=UTF-8''b.png"#, "a", "file x"),
        (r#"; name="a"; filename="b; name=c.png""#, "a", "file x"),
        (r#"; filename="b; name=c.png"; name="a""#, "a", "file x"),
        (r#"; name="a"; filename="""#, "a", "nothing"),
        (r#"; name="a"; filename="#, "a", "nothing"),
        (r#"; name="a;filename""#, "a;filename", "text x"),
        (r#"; name="a; filename=b""#, "a; filename=b", "text x"),
        (r#"; name="a\"; filename=b""#, r#"a"; filename=b"#, "text x"),
    ] {
        let head = format!("Content-Disposition: form-data{parameters}");

        let fields = part(head.as_bytes(), b"x").unwrap();

        assert_eq!(shown(&fields), [(name, value.to_owned())], "{parameters}");
    }
}

#[test]
fn a_part_is_read_by_whichever_headers_it_has() {
    for head in [
        "content-disposition:form-data;name=a",
        "Content-Disposition:\r\n form-data; name=a",
        "Content-Type: text/plain;\r\n charset=utf-8\r\nContent-Disposition: form-data; name=a",
        "X: \r\nnonsense\r\nContent-Disposition: form-data; name=a",
        "Content-Disposition: form-data; name=b\r\nContent-Disposition: form-data; name=a",
    ] {
        let fields = part(head.as_bytes(), b"x").unwrap();

        assert_eq!(shown(&fields), [("a", "text x".to_owned())], "{head}");
    }
}

#[test]
fn a_file_name_needs_no_encoding() {
    let head = b"Content-Disposition: form-data; name=\"a\"; filename=\"caf\xe9.png\"";

    let fields = part(head, b"\xff\0").unwrap();

    assert_eq!(shown(&fields), [("a", "file \\xff\\x00".to_owned())]);
}

#[test]
fn a_part_without_a_usable_name_is_skipped() {
    for skipped in [
        "\r\nno headers",
        "\r\nContent-Disposition: form-data; name=b\r\n\r\nx",
        "no blank line",
        "",
        "no header\r\n\r\nx",
        "Content-Type: text/plain\r\n\r\nx",
        "Content-Disposition: form-data\r\n\r\nx",
        "Content-Disposition: form-data; name=\"\"\r\n\r\nx",
        "Content-Disposition: form-data; name=\" \"\r\n\r\nx",
        "Content-Disposition: form-data; filename=\"b.png\"\r\n\r\nx",
        "Content-Disposition: form-data; name=b\r\n",
        "Content-Disposition: form-data\r\nContent-Transfer-Encoding: base64\r\n\r\n?",
    ] {
        let body = format!(
            "--b\r\n{skipped}\r\n--b\r\nContent-Disposition: form-data; name=a\r\n\r\ny\r\n--b--"
        );

        let fields = fields(body.as_bytes()).unwrap();

        assert_eq!(shown(&fields), [("a", "text y".to_owned())], "{skipped}");
    }
}

#[test]
fn a_transfer_encoding_is_decoded() {
    for (encoding, content, value) in [
        ("base64", "0JLQsNGB0Y8=", "text Вася"),
        ("Base64", "0JLQ\r\n sNGB\t0Y8=\r\n", "text Вася"),
        (" base64 ; x=y", "", "text "),
        ("binary", "eA==", "text eA=="),
        ("8bit", "Вася", "text Вася"),
        ("7BIT", "x", "text x"),
        ("", "x", "text x"),
    ] {
        let head = format!(
            "Content-Disposition: form-data; name=a\r\nContent-Transfer-Encoding:{encoding}"
        );

        let fields = part(head.as_bytes(), content.as_bytes()).unwrap();

        assert_eq!(shown(&fields), [("a", value.to_owned())], "{encoding}");
    }
    let head =
        b"Content-Transfer-Encoding: base64\r\nContent-Disposition: form-data; name=a; filename=b";
    let fields = part(head, b"/wAN\r\nCg==").unwrap();
    assert_eq!(shown(&fields), [("a", "file \\xff\\x00\\r\\n".to_owned())]);
}

#[test]
fn what_cannot_be_decoded_is_refused() {
    use MultipartError::{Base64, Charset, NotUtf8, TransferEncoding};

    for (file_name, header, content, error) in [
        ("", "Transfer-Encoding: base64", &b"?"[..], Base64),
        ("", "Transfer-Encoding: base64", b"eA=", Base64),
        ("", "Transfer-Encoding: base64", b"/w==", NotUtf8),
        ("; filename=b", "Transfer-Encoding: base64", b"eA", Base64),
        (
            "; filename=b",
            "Transfer-Encoding: base64",
            b"eA==eA==",
            Base64,
        ),
        (
            "",
            "Transfer-Encoding: quoted-printable",
            b"x",
            TransferEncoding,
        ),
        (
            "; filename=b",
            "Transfer-Encoding: gzip",
            b"x",
            TransferEncoding,
        ),
        ("", "Type: text/plain; charset=iso-8859-1", b"x", Charset),
        (
            "",
            "Type: text/plain;\r\n charset=\"koi8-r\"",
            b"x",
            Charset,
        ),
        (
            "; filename=b",
            "Type: text/plain; charset=utf-16",
            b"x",
            Charset,
        ),
        ("", "Type: text/plain", b"caf\xe9", NotUtf8),
        (
            "",
            "Type: text/plain; charset=utf-8",
            b"\xed\xa0\x80",
            NotUtf8,
        ),
    ] {
        let head = format!("Content-Disposition: form-data; name=a{file_name}\r\nContent-{header}");

        let refusal = part(head.as_bytes(), content).err();

        assert_eq!(refusal, Some(error), "{header}: {}", content.escape_ascii());
    }
    let head = b"Content-Disposition: form-data; name=\"\xff\"";
    assert_eq!(part(head, b"x").err(), Some(MultipartError::NotUtf8));
}

#[test]
fn a_delimiter_is_a_line_of_its_own() {
    let head = "Content-Disposition: form-data; name=a\r\n\r\n";
    for (before, content_and_after, content) in [
        ("--b\r\n", "\r\n--b--", ""),
        ("preamble\r\n--b\r\n", "x\r\n--b--\r\n--b\r\n", "x"),
        ("--b \t\r\n", "x\r\n--b--epilogue", "x"),
        ("--b\r\n", "x--b--\r\n--b--", "x--b--"),
        ("--b\r\n", "\r\n--bb\r\n\r\n--b--", "\r\n--bb\r\n"),
        ("--b\r\n", "x\n--b--\r\n--b--", "x\n--b--"),
    ] {
        let body = [before, head, content_and_after].concat();

        let fields = fields(body.as_bytes()).unwrap();

        assert_eq!(shown(&fields), [("a", format!("text {content}"))], "{body}");
    }
}

#[test]
fn a_form_without_its_end_is_refused() {
    let whole = "--b\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n--b--";
    for length in 0..whole.len() {
        let refusal = fields(&whole.as_bytes()[..length]).err();

        assert_eq!(refusal, Some(MultipartError::Incomplete), "{length}");
    }
}

#[test]
fn headers_are_limited() {
    let head = |bytes: usize| {
        let name = "Content-Disposition: form-data; name=a\r\nX: ";
        format!("{name}{}", "x".repeat(bytes - name.len())).into_bytes()
    };

    assert!(part(&head(MAX_HEAD_BYTES - 4), b"x").is_ok());
    assert_eq!(
        part(&head(MAX_HEAD_BYTES - 3), b"x").err(),
        Some(MultipartError::Head)
    );
}

#[test]
fn a_file_takes_precedence_over_a_text_and_the_last_over_the_first() {
    let part = |parameters: &str, content: &str| {
        format!("--b\r\nContent-Disposition: form-data; name=a{parameters}\r\n\r\n{content}\r\n")
    };
    let (text, file, none) = (
        part("", "x"),
        part("; filename=f", "y"),
        part("; filename=", ""),
    );
    for (body, value) in [
        (format!("{file}{text}--b--"), "file y"),
        (format!("{text}{}--b--", part("", "z")), "text z"),
        (
            format!("{file}{}--b--", part("; filename=f", "z")),
            "file z",
        ),
        (format!("{text}{none}--b--"), "text x"),
        (format!("{none}{text}--b--"), "text x"),
        (format!("{file}{none}--b--"), "file y"),
    ] {
        let fields = fields(body.as_bytes()).unwrap();

        assert_eq!(shown(&fields), [("a", value.to_owned())], "{body}");
    }
}
