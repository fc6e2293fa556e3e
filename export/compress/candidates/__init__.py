"""What may answer in the teacher's place: recipes, each trained, exported and judged alike."""
