//! IAM: who may call what, from statements as data.
//!
//! One rule: a caller that gives a name may do what was granted to that name and nothing else. Names are told by
//! the `app/NAME` of the SDK's User-Agent, which each function takes from Lambda; a caller without one stands for
//! the account's owner, who may do anything. Signatures are not looked at, so this is a test of the grants and no
//! protection.
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html>

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use http::HeaderMap;
use http::header::USER_AGENT;

use crate::aws::Refusal;

/// That somebody may do, or has done, one action on one resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// Who: a function's name.
    pub principal: String,
    /// `dynamodb:GetItem`, ...
    pub action: String,
    /// The resource's ARN.
    pub resource: String,
}

impl std::fmt::Display for Grant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {}", self.principal, self.action, self.resource)
    }
}

/// All grants, and those that were used.
#[derive(Debug)]
pub struct Iam {
    grants: BTreeSet<Grant>,
    used: Mutex<BTreeSet<Grant>>,
}

impl Iam {
    /// These grants, none of them used.
    pub fn new(grants: impl IntoIterator<Item = Grant>) -> Self {
        Self { grants: grants.into_iter().collect(), used: Mutex::default() }
    }

    /// Every grant.
    pub fn grants(&self) -> &BTreeSet<Grant> {
        &self.grants
    }

    /// What was asked for by name so far, granted or not.
    pub fn used(&self) -> BTreeSet<Grant> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn allows(&self, wanted: Grant) -> Result<(), Refusal> {
        let is_granted = self.grants.contains(&wanted);
        let denied = (!is_granted).then(|| {
            let Grant { principal, action, resource } = &wanted;
            tracing::error!(principal, action, resource, "not granted by template.yaml");
            Refusal::new(
                "com.amazon.coral.service#AccessDeniedException",
                &format!(
                    "User: {principal} is not authorized to perform: {action} on resource: {resource} because no \
                     identity-based policy allows the {action} action"
                ),
            )
        });
        self.used.lock().unwrap_or_else(PoisonError::into_inner).insert(wanted);
        denied.map_or(Ok(()), Err)
    }
}

/// Where a fake keeps its [`Iam`], once it has one.
#[derive(Debug, Default)]
pub(crate) struct Guard(OnceLock<Arc<Iam>>);

impl Guard {
    /// From now on these grants hold. Said twice, the first stays.
    pub(crate) fn set(&self, iam: Arc<Iam>) {
        self.0.get_or_init(|| iam);
    }

    /// Whether the caller may do all of this: actions with the ARNs of their resources.
    pub(crate) fn check(&self, headers: &HeaderMap, wanted: Vec<(String, String)>) -> Result<(), Refusal> {
        let (Some(iam), Some(principal)) = (self.0.get(), principal(headers)) else { return Ok(()) };
        let mut wanted = wanted.into_iter().map(|(action, resource)| Grant {
            principal: principal.to_owned(),
            action,
            resource,
        });
        wanted.try_for_each(|wanted| iam.allows(wanted))
    }
}

fn principal(headers: &HeaderMap) -> Option<&str> {
    let agent = headers.get("x-amz-user-agent").or_else(|| headers.get(USER_AGENT))?.to_str().ok()?;
    agent.split(' ').find_map(|part| part.strip_prefix("app/"))
}
