//! `log-out`: revokes all tokens of accounts.

use super::Logins;
use crate::{
    failure::Failure,
    session::{Session, now_ms},
};

pub(crate) async fn run(accounts: &Logins, session: &mut Session) -> Result<(), Failure> {
    session
        .for_each(&accounts.logins, async |session, login| {
            let account = session.accounts.find(login).await?;
            let plan = session.accounts.revoke_tokens(&account, now_ms())?;
            session.write(&plan).await
        })
        .await
}
