"""Pictures that owners give: checked, drawn anew in the sizes that pages use, and shown to whoever may see them."""
