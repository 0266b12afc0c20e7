//! Finds the service that a command works on: a CloudFormation stack, or the data folder of a
//! running `cargo dev`. Neither is the default.

use std::{fs, path::PathBuf, time::Duration};

use anyhow::Context as _;
use aws_config::{
    BehaviorVersion, Region, retry::RetryConfig,
    stalled_stream_protection::StalledStreamProtectionConfig, timeout::TimeoutConfig,
};
use aws_sdk_cloudformation::types::Stack;
use aws_smithy_http_client::{
    Builder, Connector,
    proxy::ProxyConfig,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_types::SdkConfig;
use clap::Args;
use shared::{aws, env::Env};

use crate::failure::Failure;

/// The flags that name the service.
#[derive(Debug, Args)]
#[command(next_help_heading = "Service")]
pub(crate) struct Target {
    /// CloudFormation stack of the service; credentials as for the AWS CLI.
    #[arg(long, global = true, value_name = "NAME")]
    stack: Option<String>,

    /// Data folder of a running `cargo dev`.
    #[arg(long, global = true, value_name = "DIR")]
    local: Option<PathBuf>,

    /// Profile in the AWS configuration, for --stack.
    #[arg(long, global = true, value_name = "NAME")]
    profile: Option<String>,

    /// Region of the stack.
    #[arg(long, global = true, value_name = "NAME")]
    region: Option<String>,
}

/// A service that a command works on.
#[derive(Debug)]
pub(crate) struct Service {
    /// The variables that its functions have, whether a function has read them or not.
    pub env: Env,
    /// How the SDK reaches it.
    pub aws: SdkConfig,
    /// The stack's name, or `local DIR`.
    pub name: String,
    /// The stack's region; `None` for a local service.
    pub region: Option<String>,
    /// The CloudFront distribution of the avatars; `None` for a local service.
    pub distribution: Option<String>,
    /// Days for which logs are kept; `None` for a local service.
    pub log_days: Option<String>,
}

impl Target {
    /// Finds the service. One `DescribeStacks` for a stack.
    ///
    /// # Errors
    ///
    /// - [`Failure::Usage`]: both or none of the two were named.
    /// - [`Failure::Other`]: there is no such stack or folder.
    pub(crate) async fn connect(&self) -> Result<Service, Failure> {
        match (&self.stack, &self.local) {
            (Some(stack), None) => self.stack(stack).await,
            (None, Some(folder)) if self.profile.is_none() && self.region.is_none() => {
                local(folder)
            }
            (None, Some(_)) => Err(Failure::Usage(
                "--profile and --region are for --stack, not for --local".to_owned(),
            )),
            (Some(_), Some(_)) => Err(Failure::Usage(
                "--stack and --local cannot be used together".to_owned(),
            )),
            (None, None) => Err(Failure::Usage(
                "name the service: --stack NAME or --local DIR".to_owned(),
            )),
        }
    }

    async fn stack(&self, name: &str) -> Result<Service, Failure> {
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(https())
            .retry_config(RetryConfig::standard().with_max_attempts(5))
            .timeout_config(
                TimeoutConfig::builder()
                    .operation_attempt_timeout(Duration::from_secs(20))
                    .build(),
            )
            // Every attempt has a timeout.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        if let Some(profile) = &self.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(region) = &self.region {
            loader = loader.region(Region::new(region.clone()));
        }
        let aws = loader.load().await;
        let Some(region) = aws.region().map(ToString::to_string) else {
            return Err(Failure::Usage(
                "there is no region: --region NAME, AWS_REGION or a profile's".to_owned(),
            ));
        };
        let described = aws_sdk_cloudformation::Client::new(&aws)
            .describe_stacks()
            .stack_name(name)
            .send()
            .await;
        let described = match described {
            Ok(described) => described,
            Err(error) => {
                let failure = Failure::of_call("cloudformation:DescribeStacks", &error);
                // CloudFormation has no other code for a stack that is not there.
                let is_invalid = error
                    .as_service_error()
                    .and_then(|error| error.meta().code())
                    .is_some_and(|code| code == "ValidationError");
                return Err(if is_invalid {
                    anyhow::anyhow!("there is no stack {name} in {region}").into()
                } else {
                    failure
                });
            }
        };
        let Some(stack) = described.stacks().first() else {
            return Err(anyhow::anyhow!("there is no stack {name} in {region}").into());
        };
        of_stack(stack, aws, region)
    }
}

/// Returns an HTTPS client with ring, like the functions'. Like the AWS CLI, it connects through the
/// proxy that `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` name.
fn https() -> SharedHttpClient {
    Builder::new().build_with_connector_fn(|settings, _| {
        let mut connector = Connector::builder().proxy_config(ProxyConfig::from_env());
        connector.set_connector_settings(settings.cloned());
        let ring = Provider::Rustls(CryptoMode::Ring);
        connector.tls_provider(ring).build()
    })
}

/// Variables of the functions, and the outputs of the stack that have their values.
const OUTPUTS: [(&str, &str); 6] = [
    ("USERS_TABLE", "UsersTable"),
    ("LOGINS_TABLE", "LoginsTable"),
    ("ATTEMPTS_TABLE", "AttemptsTable"),
    ("AVATARS_BUCKET", "AvatarsBucket"),
    ("AVATAR_BASE_URL", "AvatarBaseUrl"),
    ("JWT_SECRET_ID", "SigningKeyId"),
];

/// Variables of the functions, and the parameters of the stack that have their values.
const PARAMETERS: [(&str, &str); 2] = [
    ("PASSWORD_POLICY", "PasswordPolicy"),
    ("TOKEN_TTL_SECONDS", "TokenTtlSeconds"),
];

fn of_stack(stack: &Stack, aws: SdkConfig, region: String) -> Result<Service, Failure> {
    let name = stack.stack_name().unwrap_or_default().to_owned();
    let output = |key: &str| {
        let outputs = stack.outputs().iter();
        let mut outputs = outputs.filter(|output| output.output_key() == Some(key));
        let value = outputs.next().and_then(|output| output.output_value());
        value.map(str::to_owned).ok_or_else(|| {
            anyhow::anyhow!("the stack {name} has no output {key}: deploy this version's template")
        })
    };
    let parameter = |key: &str| {
        let parameters = stack.parameters().iter();
        let mut parameters = parameters.filter(|parameter| parameter.parameter_key() == Some(key));
        let value = parameters
            .next()
            .and_then(|parameter| parameter.parameter_value());
        value.map(str::to_owned).ok_or_else(|| {
            anyhow::anyhow!(
                "the stack {name} has no parameter {key}: deploy this version's template"
            )
        })
    };
    let mut variables = Vec::new();
    for (variable, key) in OUTPUTS {
        variables.push((variable, output(key)?));
    }
    for (variable, key) in PARAMETERS {
        variables.push((variable, parameter(key)?));
    }
    Ok(Service {
        env: variables.into_iter().collect(),
        aws,
        region: Some(region),
        distribution: Some(output("AvatarsDistribution")?),
        log_days: Some(parameter("LogRetentionDays")?),
        name,
    })
}

/// Reads the file that `cargo dev` writes for other processes.
fn local(folder: &std::path::Path) -> Result<Service, Failure> {
    let file = folder.join("lambda.env");
    let lines = fs::read_to_string(&file).map_err(|error| {
        anyhow::Error::new(error).context(format!(
            "cannot read {}: is it the data folder of a running `cargo dev`?",
            file.display()
        ))
    })?;
    // The file is quoted for a shell.
    let words = shell_words::split(&lines)
        .with_context(|| format!("{} is not quoted for a shell", file.display()))?;
    let env: Env = words
        .iter()
        .filter_map(|word| word.split_once('='))
        .collect();
    let aws = aws::config(&env).map_err(anyhow::Error::from)?;
    Ok(Service {
        env,
        aws,
        name: format!("local {}", folder.display()),
        region: None,
        distribution: None,
        log_days: None,
    })
}
