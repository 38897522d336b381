"""What figures share: the style, the look of each model, and parts of panels."""
