"""What providers pay out in a lump: their files, batches and bank lines, terms, and what does not agree."""
