//! The API's reference for developers: `openapi.yaml` as JSON, and Swagger UI to try it with.

use std::sync::Arc;

use anyhow::Context as _;
use axum::{
    http::header::{CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
    response::{IntoResponse as _, Redirect, Response},
};
use utoipa_swagger_ui::Config;

/// The document, as JSON, and Swagger UI, which shows it.
#[derive(Debug)]
pub(crate) struct ApiReference {
    json: Vec<u8>,
}

impl ApiReference {
    /// Converts the document. All keys keep their order, in which Swagger UI shows them.
    ///
    /// # Errors
    ///
    /// Fails if the document is not YAML.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let mut json = Vec::new();
        let mut serializer = serde_json::Serializer::new(&mut json);
        serde_saphyr::with_deserializer_from_str(include_str!("../../openapi.yaml"), |yaml| {
            Ok(serde_transcode::transcode(yaml, &mut serializer))
        })
        .context("openapi.yaml is not YAML")?
        .context("openapi.yaml cannot be converted to JSON")?;
        Ok(Self { json })
    }

    /// Returns the document, Swagger UI's page or one of its files, if `path` is theirs. All are
    /// compiled into this program.
    pub(crate) fn at(&self, path: &str) -> Option<Response> {
        let (content_type, bytes) = match path {
            "/openapi.json" => ("application/json".to_owned(), self.json.clone().into()),
            // The page's URLs are relative to its folder.
            "/docs" => return Some(Redirect::temporary("/docs/").into_response()),
            _ => {
                let name = path.strip_prefix("/docs/")?;
                let file = utoipa_swagger_ui::serve(name, Arc::new(page())).ok()??;
                (file.content_type, file.bytes)
            }
        };
        let headers = [
            (CONTENT_TYPE, content_type.as_str()),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ];
        Some((headers, bytes).into_response())
    }
}

fn page() -> Config<'static> {
    Config::from("/openapi.json")
        .use_base_layout()
        .try_it_out_enabled(true)
        .persist_authorization(true)
        // The default validator is a service on the internet.
        .validator_url("none")
}
