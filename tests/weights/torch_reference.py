"""IAUnet and IANet in PyTorch, written from the papers' formulas and not from our layers, with the authors' names.

Straightforward rather than fast: loops over nodes and frames where the formulas have indices.
"""

import torch
from torch import nn
from torch.nn import functional as F

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Bottleneck(nn.Module):
    def __init__(self, inputs, width, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.downsample = None
        if stride != 1 or inputs != 4 * width:
            conv = nn.Conv2d(inputs, 4 * width, 1, stride, bias=False)
            self.downsample = nn.Sequential(conv, nn.BatchNorm2d(4 * width))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class _Attention(nn.Module):
    def __init__(self, conv, norm):
        super().__init__()
        self.conv = nn.Module()
        self.conv.conv, self.conv.bn = conv, norm


class _PartGraph(nn.Module):
    def __init__(self, half):
        super().__init__()
        self.module_w, self.module_l = nn.Module(), nn.Module()
        self.module_w.relation = nn.Sequential(nn.Conv2d(2 * half, 1, 1), nn.BatchNorm2d(1))
        self.module_l.fsm = nn.Sequential(nn.Conv2d(2 * half, half, 1), nn.BatchNorm2d(half))


class IAU(nn.Module):
    """Input `(B, C, H, W)`, or `(B, C, T, H, W)` for clips."""

    def __init__(self, channels, clip, parts=4):
        super().__init__()
        conv, norm = (nn.Conv3d, nn.BatchNorm3d) if clip else (nn.Conv2d, nn.BatchNorm2d)
        half = channels // 2
        setattr(self, "SA" if clip else "sa", _Attention(conv(channels, parts, 1), norm(parts)))
        setattr(self, "STIAU" if clip else "SIAU", _PartGraph(half))
        self.g = nn.Conv2d(channels, half, 1)
        self.W1 = nn.Sequential(conv(channels, channels, 1), norm(channels))
        self.W2 = nn.Sequential(conv(channels, channels, 1), norm(channels))
        self.clip = clip

    def forward(self, x):
        graph, spot = (self.STIAU, self.SA) if self.clip else (self.SIAU, self.sa)
        y = []
        for sample in x:  # every channel map of every frame is a token
            frames = sample if self.clip else sample[:, None]  # (C, T, H, W)
            tokens = frames.transpose(0, 1).flatten(0, 1).flatten(1)  # (T·C, H·W)
            mixed = torch.softmax(tokens @ tokens.T, dim=-1) @ tokens
            mixed = mixed.reshape(frames.shape[1], frames.shape[0], *frames.shape[2:]).transpose(0, 1)
            y.append(mixed if self.clip else mixed[:, 0])
        x = x + self.W1(torch.stack(y))

        attention = torch.sigmoid(spot.conv.bn(spot.conv.conv(x)))
        clips = x if self.clip else x[:, :, None]
        spots = attention if self.clip else attention[:, :, None]
        batch, _, count, _, _ = clips.shape
        parts = spots.shape[1]
        reduce = lambda v: F.conv2d(v[..., None, None], self.g.weight, self.g.bias)[..., 0, 0]  # noqa: E731
        context = reduce(clips.mean((2, 3, 4)))  # (B, d)
        nodes = []  # node t·K + k
        for t in range(count):
            for k in range(parts):
                nodes.append(reduce((clips[:, :, t] * spots[:, k : k + 1, t]).sum((2, 3))))
        nodes = torch.stack(nodes, dim=1)  # (B, N, d)
        number = nodes.shape[1]
        pairs = torch.zeros(batch, 2 * nodes.shape[2], number, number, dtype=x.dtype)
        for i in range(number):
            for j in range(number):
                pairs[:, :, i, j] = torch.cat([(nodes[:, i] - nodes[:, j]).abs(), context], dim=1)
        relation = graph.module_w.relation(pairs)[:, 0]
        for i in range(number):
            for j in range(number):
                same_frame, same_part = i // parts == j // parts, i % parts == j % parts
                if same_frame == same_part:
                    relation[:, i, j] = -torch.inf
        relation = torch.softmax(relation, dim=-1)
        message = torch.cat([nodes, relation @ nodes], dim=-1)  # (B, N, 2d)
        message = F.relu(graph.module_l.fsm(message.transpose(1, 2)[..., None]))[..., 0]  # (B, d, N)
        message = message.reshape(batch, -1, count, parts).mean(-1)  # (B, d, T)
        update = torch.cat([message, context[..., None].expand(-1, -1, count)], dim=1)  # (B, C, T)
        update = update[..., None, None] if self.clip else update[..., None]
        return x + self.W2(update), attention


class IA(nn.Module):
    def __init__(self, channels, alpha_x, alpha_y):
        super().__init__()
        self.W1, self.W2 = nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)
        self.alphas = alpha_x, alpha_y

    def forward(self, x):
        _, channels, height, width = x.shape
        y, z = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        y, z = y.flatten().to(x.dtype), z.flatten().to(x.dtype)
        far = (z[:, None] - z) ** 2 / (2 * self.alphas[0] ** 2) + (y[:, None] - y) ** 2 / (2 * self.alphas[1] ** 2)
        near = torch.softmax(-far, dim=-1)
        flat = x.flatten(2)  # (B, C, n)
        alike = torch.softmax(flat.transpose(1, 2) @ flat / channels**0.5, dim=-1)
        mixed = flat @ torch.softmax(near * alike, dim=-1).transpose(1, 2)
        x = x + self.W1(mixed.reshape(x.shape))
        flat = x.flatten(2)
        mixed = torch.softmax(flat @ flat.transpose(1, 2), dim=-1) @ flat
        return x + self.W2(mixed.reshape(x.shape))


class Network(nn.Module):
    """`block` "iau" or "ia"; images are `(B, H, W, 3)` or `(B, T, H, W, 3)` in 0..255, as for our networks."""

    def __init__(self, classes, block="iau", clip=False, width=1.0):
        super().__init__()
        base = round(64 * width)
        self.conv1 = nn.Conv2d(3, base, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(base)
        inputs = base
        for stage, (blocks, stride) in enumerate(((3, 1), (4, 2), (6, 2), (3, 1)), start=1):
            filters = base * 2 ** (stage - 1)
            layers = [Bottleneck(inputs, filters, stride)]
            layers += [Bottleneck(4 * filters, filters, 1) for _ in range(blocks - 1)]
            inputs = 4 * filters
            if block == "ia" and stage in (2, 3):
                layers.append(IA(inputs, *((10, 20) if stage == 2 else (5, 10))))
            setattr(self, f"layer{stage}", nn.Sequential(*layers))
            if block == "iau" and stage in (2, 3):
                setattr(self, f"IAU{stage}", IAU(inputs, clip))
        self.bn = nn.BatchNorm1d(inputs)
        self.classifier = nn.Linear(inputs, classes)
        self.clip, self.block = clip, block

    def forward(self, images):
        outputs = {}
        clips = images if self.clip else images[:, None]
        batch, frames = clips.shape[:2]
        x = (clips / 255 - torch.tensor(MEAN, dtype=images.dtype)) / torch.tensor(STD, dtype=images.dtype)
        x = x.flatten(0, 1).permute(0, 3, 1, 2)
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        for stage in (1, 2, 3, 4):
            x = getattr(self, f"layer{stage}")(x)
            if self.block == "iau" and stage in (2, 3):
                block = getattr(self, f"IAU{stage}")
                if self.clip:
                    folded = x.reshape(batch, frames, *x.shape[1:]).transpose(1, 2)
                    folded, attention = block(folded)
                    x = folded.transpose(1, 2).flatten(0, 1)
                    outputs[f"part_attention_{stage - 1}"] = attention.permute(0, 2, 3, 4, 1)
                else:
                    x, attention = block(x)
                    outputs[f"part_attention_{stage - 1}"] = attention.permute(0, 2, 3, 1)
        pooled = x.reshape(batch, frames, *x.shape[1:]).mean((1, 3, 4))
        outputs["embedding"] = self.bn(pooled)
        outputs["logits"] = self.classifier(outputs["embedding"])
        return outputs


def fill(network, seed=0):
    """Weights of a sane size and batch norm statistics that are not the initial ones."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if name.endswith("num_batches_tracked"):
                continue
            noise = torch.randn(tensor.shape, generator=generator)
            if tensor.ndim > 1:
                fan_in = tensor[0].numel()
                tensor.copy_(noise * (1.0 / fan_in) ** 0.5)
            elif name.endswith("running_var"):
                tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)
            elif name.endswith("weight"):
                tensor.copy_(0.8 + 0.2 * noise)
            else:
                tensor.copy_(0.1 * noise)
    return network.eval()
