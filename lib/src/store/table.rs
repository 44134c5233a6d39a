//! What the table must look like, for those who create it: the template in the cloud, `infra/local` on a laptop.

/// The sparse index of what is to be done and when: `due_shard` (S) and `due_at` (N, epoch seconds).
pub const DUE_INDEX: &str = "due";
/// Over how many partitions the index is spread.
pub const DUE_SHARDS: u8 = 16;
/// Every booking of a tenant in the order of its start: `tenant` (S) and `starts` (S).
pub const BY_TENANT_INDEX: &str = "by_tenant";
/// Only these sort keys are of interest on the table's stream; day writes would flood it.
pub const STREAMED_PREFIXES: [&str; 2] = ["BOOKING", "HOST#I#"];
