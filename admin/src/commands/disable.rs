//! `disable` and `enable`: shut accounts and open them again.

use super::Logins;
use crate::{failure::Failure, session::Session};

/// Sets whether the accounts are disabled.
pub(crate) async fn run(
    accounts: &Logins,
    session: &mut Session,
    disabled: bool,
) -> Result<(), Failure> {
    session
        .for_each(&accounts.logins, async |session, login| {
            let account = session.accounts.find(login).await?;
            if account.is_disabled()? == [disabled; 3] {
                return session.report(Some(account.user.uuid), &[], &[]);
            }
            let plan = session.accounts.set_disabled(&account, disabled)?;
            session.write(&plan).await
        })
        .await
}
