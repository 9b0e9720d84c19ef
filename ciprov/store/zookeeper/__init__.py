"""The store in ZooKeeper: for a team whose machines share a cluster."""
