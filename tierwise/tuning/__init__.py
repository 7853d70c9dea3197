"""Which tier each prompt needs: routers' scores into thresholds, what they save and lose, and how far that can be promised."""
