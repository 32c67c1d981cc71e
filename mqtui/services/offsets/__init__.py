"""Setting where a consumer group reads on: `mqtui offsets`, and the console's key O."""
