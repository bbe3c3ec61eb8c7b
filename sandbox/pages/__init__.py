"""What a person sees of the sandbox: hosted Checkout, Customer Portal, dashboard and mail reader."""
