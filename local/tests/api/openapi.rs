//! Requests as `openapi.yaml` describes them. The responses of all tests are held against it.

use std::collections::HashMap;

use reqwest::multipart;
use support::{Api, openapi::Operation, send};

#[tokio::test]
async fn each_documented_type_of_a_body_is_taken() {
    let api = Api::start().await;
    let (ada, token) = api.member().await;
    for operation in Operation::all() {
        let Some(body) = operation.part.get("requestBody") else {
            continue;
        };
        for (media_type, _) in body.get("content").unwrap().entries() {
            let fields = operation.fields(&ada);
            let request = api
                .request(operation.method.clone(), operation.path)
                .header("Authorization", format!("JWT {token}"));
            let request = match media_type {
                "application/json" => request.json(&fields.into_iter().collect::<HashMap<_, _>>()),
                "application/x-www-form-urlencoded" => request.form(&fields),
                "multipart/form-data" => request.multipart(
                    fields
                        .into_iter()
                        .fold(multipart::Form::new(), |form, (name, text)| {
                            form.text(name, text)
                        }),
                ),
                _ => panic!("{media_type}: this test does not know how to send that"),
            };

            let response = send(request).await;

            assert!(
                matches!(response.status, 200 | 201),
                "{} of {media_type}: {}",
                operation.id,
                response.text()
            );
        }
    }
}
