/* Embeds a JPEG or PNG image with a SavedModel through TensorFlow's C API, without Python.
 *
 * Usage: embed SAVEDMODEL_DIR INPUT OUTPUT IMAGE
 * INPUT and OUTPUT are the tensors of the signature `encoded` listed in assets.extra/iaunet_tf.json, such as
 * encoded_image_bytes:0 and StatefulPartitionedCall:0. Prints the embedding, one number per line.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tensorflow/c/c_api.h>

static void fail(const char *what, const char *why) {
  fprintf(stderr, "error: %s: %.*s\n", what, (int)strcspn(why, "\n"), why);
  exit(1);
}

static void check(const TF_Status *status, const char *what) {
  if (TF_GetCode(status) != TF_OK) fail(what, TF_Message(status));
}

static TF_Output tensor(TF_Graph *graph, const char *name) {
  char operation[256];
  const char *colon = strchr(name, ':');
  size_t length = colon ? (size_t)(colon - name) : strlen(name);
  if (length >= sizeof operation) fail(name, "name is too long");
  memcpy(operation, name, length);
  operation[length] = 0;
  TF_Output output = {TF_GraphOperationByName(graph, operation), colon ? atoi(colon + 1) : 0};
  if (!output.oper) fail(name, "no such tensor; see assets.extra/iaunet_tf.json");
  return output;
}

static char *read_file(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  if (!file) fail(path, "cannot be opened");
  fseek(file, 0, SEEK_END);
  long end = ftell(file);
  if (end < 0 || end > 1L << 30) fail(path, "is not a file of at most 1 GiB");
  *size = (size_t)end;
  rewind(file);
  char *content = malloc(*size ? *size : 1);
  if (!content || fread(content, 1, *size, file) != *size) fail(path, "cannot be read");
  fclose(file);
  return content;
}

int main(int argc, char **argv) {
  if (argc != 5) {
    fprintf(stderr, "usage: %s SAVEDMODEL_DIR INPUT OUTPUT IMAGE\n", argv[0]);
    return 2;
  }
  size_t size;
  char *content = read_file(argv[4], &size);

  TF_Status *status = TF_NewStatus();
  TF_Graph *graph = TF_NewGraph();
  TF_SessionOptions *options = TF_NewSessionOptions();
  const char *tags[] = {"serve"};
  TF_Session *session = TF_LoadSessionFromSavedModel(options, NULL, argv[1], tags, 1, graph, NULL, status);
  check(status, argv[1]);
  TF_Output input = tensor(graph, argv[2]), output = tensor(graph, argv[3]);

  int64_t batch = 1;
  TF_Tensor *picture = TF_AllocateTensor(TF_STRING, &batch, 1, sizeof(TF_TString));
  TF_StringInit(TF_TensorData(picture));
  TF_StringCopy(TF_TensorData(picture), content, size);

  TF_Tensor *embedding = NULL;
  TF_SessionRun(session, NULL, &input, &picture, 1, &output, &embedding, 1, NULL, 0, NULL, status);
  check(status, argv[4]);
  if (TF_TensorType(embedding) != TF_FLOAT || TF_NumDims(embedding) != 2 || TF_Dim(embedding, 0) != 1)
    fail(argv[3], "is not one embedding");
  const float *numbers = TF_TensorData(embedding);
  for (int64_t i = 0; i < TF_Dim(embedding, 1); ++i)
    if (!isfinite(numbers[i])) fail(argv[4], "its embedding is not finite");
  for (int64_t i = 0; i < TF_Dim(embedding, 1); ++i) printf("%.9g\n", numbers[i]);

  TF_StringDealloc(TF_TensorData(picture));
  TF_DeleteTensor(picture);
  TF_DeleteTensor(embedding);
  TF_CloseSession(session, status);
  TF_DeleteSession(session, status);
  TF_DeleteSessionOptions(options);
  TF_DeleteGraph(graph);
  TF_DeleteStatus(status);
  free(content);
  return 0;
}
