//! The API's reference for developers: `openapi.yaml` as JSON, and Swagger UI to try it on.

use std::sync::Arc;

use anyhow::Context as _;
use axum::{
    http::header::{CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
    response::{IntoResponse as _, Redirect, Response},
};
use utoipa_swagger_ui::Config;

/// The document as it is served.
#[derive(Debug)]
pub(crate) struct Reference {
    json: Vec<u8>,
}

impl Reference {
    /// Converts the document. All keys keep their order, in which the page shows them.
    ///
    /// # Errors
    ///
    /// Fails if it is no YAML.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let mut json = Vec::new();
        let mut serializer = serde_json::Serializer::new(&mut json);
        serde_saphyr::with_deserializer_from_str(include_str!("../../openapi.yaml"), |yaml| {
            Ok(serde_transcode::transcode(yaml, &mut serializer))
        })
        .context("openapi.yaml is no YAML")?
        .context("openapi.yaml is no JSON")?;
        Ok(Self { json })
    }

    /// What is at `path`: the document, the page or one of its files, all of which are in this
    /// program. `None` where nothing is.
    pub(crate) fn at(&self, path: &str) -> Option<Response> {
        let (content_type, bytes) = match path {
            "/openapi.json" => ("application/json".to_owned(), self.json.clone().into()),
            // The page names its files relative to its folder.
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
        // The default is a service elsewhere on the internet.
        .validator_url("none")
}
