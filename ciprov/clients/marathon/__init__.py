"""Marathon's REST API: raw JSON over the `marathon` package's transport, and a reader of the event stream."""
