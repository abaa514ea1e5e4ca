// Shows the description of the mount that this page belongs to. Its address is relative, so it is
// right wherever the mount is.
window.ui = SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#description",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  validatorUrl: null, // Swagger UI's default tells a public validator where this page is
});
