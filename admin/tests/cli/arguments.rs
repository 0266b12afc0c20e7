use support::{Fault, OwnStack, Proxy};

use crate::tool::{Tool, run};

#[tokio::test]
async fn a_service_has_to_be_named() {
    let ran = run(&["show", "ada"], "").await;

    ran.assert_failed(2, "error: name the service: --stack NAME or --local DIR");
}

#[tokio::test]
async fn a_stack_and_a_folder_are_not_one_service() {
    let ran = run(&["show", "ada", "--stack", "accounts", "--local", "."], "").await;

    ran.assert_failed(2, "error: --stack and --local cannot be used together");
}

#[tokio::test]
async fn a_folder_has_no_region() {
    let ran = run(
        &["show", "ada", "--local", ".", "--region", "eu-west-1"],
        "",
    )
    .await;

    ran.assert_failed(
        2,
        "error: --profile and --region are for --stack, not for --local",
    );
}

#[tokio::test]
async fn a_folder_that_is_no_data_folder_is_refused() {
    let ran = run(&["show", "ada", "--local", "/nowhere"], "").await;

    ran.assert(1);
    assert!(
        ran.stderr.starts_with("error: cannot read /nowhere/lambda.env: is it the data folder of a running `cargo dev`?"),
        "{ran:?}"
    );
}

#[tokio::test]
async fn an_unknown_flag_is_a_mistake_in_the_arguments() {
    let ran = run(&["show", "ada", "--force"], "").await;

    ran.assert(2);
    assert_eq!(ran.stdout, "");
}

#[tokio::test]
async fn the_help_of_each_command_has_an_example() {
    let help = run(&["--help"], "").await;

    help.assert(0);
    let commands = help.stdout.split("Commands:\n").nth(1).unwrap();
    let commands = commands.lines().take_while(|line| !line.is_empty());
    let names = commands.map(|line| line.split_whitespace().next().unwrap());
    let names: Vec<_> = names.filter(|name| *name != "help").collect();
    assert_eq!(names.len(), 20, "{names:?}");
    for name in names {
        let help = run(&[name, "--help"], "").await;
        let example = format!(
            "accounts-admin {}",
            if name == "completion" {
                ""
            } else {
                "--stack accounts "
            }
        );
        assert!(
            help.stdout.contains(&format!("{example}{name}")),
            "{help:?}"
        );
    }
}

#[tokio::test]
async fn a_shell_gets_a_script_that_names_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let ran = run(&["completion", shell], "").await;

        ran.assert(0);
        assert!(ran.stdout.contains("change-username"), "{shell}");
    }
}

#[tokio::test]
async fn a_denial_names_the_missing_action() {
    const DENIED: &str = r#"{
        "__type": "com.amazon.coral.service#AccessDeniedException",
        "Message": "User: arn:aws:sts::123456789012:assumed-role/support/ada is not authorized to perform: dynamodb:UpdateItem on resource: arn:aws:dynamodb:eu-west-1:123456789012:table/users because no identity-based policy allows the dynamodb:UpdateItem action"
    }"#;
    let stack = OwnStack::start().await;
    let person = stack.register().await;
    let proxy = Proxy::start();
    let tool = Tool::through(&proxy.aws(), &stack);
    proxy.plan("TransactWriteItems", 0, 1, Fault::Refusal(400, DENIED));

    let ran = tool.run(&["log-out", &person.email]).await;

    ran.assert_failed(
        7,
        "error: access denied: dynamodb:UpdateItem on \
        arn:aws:dynamodb:eu-west-1:123456789012:table/users is missing",
    );
}

#[tokio::test]
async fn an_engine_that_is_away_is_a_failure_that_may_pass() {
    let stack = OwnStack::start().await;
    let proxy = Proxy::start();
    let tool = Tool::through(&proxy.aws(), &stack);
    proxy.plan(
        "GetItem",
        0,
        3,
        Fault::Refusal(500, r#"{"__type":"InternalServerError"}"#),
    );

    let ran = tool.run(&["show", "ada"]).await;

    ran.assert_failed(
        1,
        "error: dynamodb:GetItem is unavailable: InternalServerError (HTTP 500)",
    );
}
