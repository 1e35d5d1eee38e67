"""Events from a Kinesis stream: the same commit as the HTTP doors, from shards instead of requests.

Several consumers share a stream: leases and checkpoints are in Redis. A checkpoint moves only
after the journal has the events before it, so a consumer that dies costs repeats, which
de-duplication drops, and never an event. Read ``consumer`` first, then ``reader``.

Source: Amazon Kinesis Data Streams, developer guide ("Reading data", "Resharding") and API
reference (ListShards, GetShardIterator, GetRecords, SubscribeToShard).
"""
