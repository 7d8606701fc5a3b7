"""From labels to rows that teach or measure, and what may not be among them."""
