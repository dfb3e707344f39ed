"""What a web app is deployed from: where it is fetched, how it is checked and taken apart, where it is kept."""
