//! The tables and the bucket, as `template.yaml` has them.

use anyhow::Context as _;
use aws_sdk_dynamodb::{
    error::SdkError,
    operation::create_table::CreateTableError,
    types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType},
};
use aws_sdk_s3::operation::create_bucket::CreateBucketError;
use aws_types::SdkConfig;
use shared::env::Env;

/// The variable that names each table, and the attribute that is its key.
const TABLES: [(&str, &str); 3] = [
    ("USERS_TABLE", "uuid"),
    ("LOGINS_TABLE", "login"),
    ("ATTEMPTS_TABLE", "login"),
];

/// Creates the tables and the bucket that `env` names, unless they exist.
///
/// # Errors
///
/// Fails if an engine refuses.
pub(crate) async fn create(env: &Env, aws: &SdkConfig) -> anyhow::Result<()> {
    let dynamodb = aws_sdk_dynamodb::Client::new(aws);
    for (variable, key) in TABLES {
        let table = env.required(variable)?;
        create_table(&dynamodb, table, key)
            .await
            .with_context(|| format!("cannot create the table {table}"))?;
    }
    let bucket = env.required("AVATARS_BUCKET")?;
    create_bucket(&aws_sdk_s3::Client::new(aws), bucket)
        .await
        .with_context(|| format!("cannot create the bucket {bucket}"))
}

async fn create_table(
    client: &aws_sdk_dynamodb::Client,
    table: &str,
    key: &str,
) -> anyhow::Result<()> {
    let created = client
        .create_table()
        .table_name(table)
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(
            AttributeDefinition::builder()
                .attribute_name(key)
                .attribute_type(ScalarAttributeType::S)
                .build()?,
        )
        .key_schema(
            KeySchemaElement::builder()
                .attribute_name(key)
                .key_type(KeyType::Hash)
                .build()?,
        )
        .send()
        .await;
    match created.map_err(SdkError::into_service_error) {
        Ok(_) | Err(CreateTableError::ResourceInUseException(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn create_bucket(client: &aws_sdk_s3::Client, bucket: &str) -> anyhow::Result<()> {
    let created = client.create_bucket().bucket(bucket).send().await;
    match created.map_err(SdkError::into_service_error) {
        Ok(_) | Err(CreateBucketError::BucketAlreadyExists(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_tables_have_the_keys_of_the_template() {
        let template: Value = serde_saphyr::from_str(include_str!("../../template.yaml")).unwrap();
        let resources = template["Resources"].as_object().unwrap();
        // The table's logical id is the value of the functions' variable: a tag such as `!Ref` is read
        // as its text.
        let logical_id = |variable: &str| {
            let mut of_functions = resources
                .values()
                .map(|resource| &resource["Properties"]["Environment"]["Variables"][variable]);
            of_functions.find_map(Value::as_str).unwrap().to_owned()
        };

        for (variable, key) in TABLES {
            let table = &template["Resources"][logical_id(variable)]["Properties"];

            assert_eq!(
                table["KeySchema"],
                json!([{ "AttributeName": key, "KeyType": "HASH" }]),
                "{variable}"
            );
            assert_eq!(
                table["AttributeDefinitions"],
                json!([{ "AttributeName": key, "AttributeType": "S" }]),
                "{variable}"
            );
        }

        let tables = resources
            .values()
            .filter(|resource| resource["Type"] == "AWS::DynamoDB::Table");
        assert_eq!(tables.count(), TABLES.len());
    }
}
