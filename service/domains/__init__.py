"""What a reply is for: each domain a file that says its goal, tone, ways of answering, what it must not do, and to whom it hands over."""
