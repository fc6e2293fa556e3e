"""What is asked, and when: texts, the questions made of them, and their arrivals."""
