//! `unlock`: forgets the failed log-ins of accounts.

use super::Logins;
use crate::{failure::Failure, session::Session};

pub(crate) async fn run(accounts: &Logins, session: &mut Session) -> Result<(), Failure> {
    session
        .for_each(&accounts.logins, async |session, login| {
            let account = session.accounts.find(login).await?;
            let failures = account.logins.iter().map(|login| login.failures.failures);
            if failures.sum::<u32>() == 0 {
                return session.report(Some(account.user.uuid), &[], &[]);
            }
            let plan = session.accounts.unlock(&account)?;
            session.write(&plan).await
        })
        .await
}
