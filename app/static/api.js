// The page to try the REST API: Swagger UI over our own document, asking nobody else.
const place = document.querySelector("#api");
window.SwaggerUIBundle({
  url: place.dataset.document,
  domNode: place,
  validatorUrl: null,
});
