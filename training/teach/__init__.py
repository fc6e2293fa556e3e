"""What a student learns of its teachers."""
